#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/batch/batch.h"
#include "engine/model/table_schema.h"

namespace rowtide {

// True for an update that gave its row another key and does not say all of its values. A sink that
// lacks the row under its old key cannot make it under the new one, and what was read before and
// after may have missed it in both places: it has to be read where it is now.
bool brings_values_along(const Event& event);

// What the stream did to one table since a chunk of it began to be read. Rows of the chunk that the
// stream has delivered something newer for are left out; a row of which the stream only delivered
// some columns gets those over what the chunk has.
//
// Thread: guarded by its owner.
class Window {
 public:
  // `schema`: of the chunk's rows.
  explicit Window(SchemaPtr schema);

  // Takes in what was delivered after the window was opened.
  void observe(const Batch& batch);

  // True when the chunk is worth nothing any more: the table was truncated or changed its shape, or
  // too much happened to it. It has to be read again.
  bool is_void() const noexcept { return void_; }
  // False while every row of the chunk may be delivered as it is.
  bool touched() const noexcept { return !touched_.empty(); }

  // What to deliver of one row of the chunk: nullopt = nothing, empty = the row as it is, else the
  // cells, with storage in `arena`.
  std::optional<std::span<const Value>> settle(const Event& row, Arena& arena) const;

 private:
  // What the stream delivered of the row with a key: some of its cells, or, when empty, all of them
  // or its end.
  using Touch = std::vector<Value>;

  void take(const Event& event);
  void forget(std::string key);
  void overlay(std::string key, std::span<const Value> cells);
  bool same_shape(const Batch& batch, const Event& event);
  // The key in a form where equal bytes mean the same row; nullopt when a cell of it is unknown.
  std::optional<std::string> key_of(std::span<const Value> cells) const;

  const SchemaPtr schema_;
  SchemaPtr last_seen_;
  bool void_ = false;
  std::unordered_map<std::string, Touch> touched_;
  std::size_t touched_bytes_ = 0;
  Arena arena_{std::size_t{16} << 10};
};

}  // namespace rowtide
