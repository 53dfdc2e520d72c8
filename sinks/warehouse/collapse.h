#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/error.h"
#include "engine/batch/arena.h"
#include "engine/model/event.h"

namespace rowtide::warehouse {

// What is left to do for one key after a run of changes.
struct MergedRow {
  enum class Kind : std::uint8_t {
    kDelete,   // no row has this key
    kFull,     // the row with this key is exactly `cells`
    kPartial,  // the stored row with this key gets the known cells; the others keep their values
    kMoved,    // the row stored under the key in `source` now has this key and the known cells; its
               // other values move along
  };
  Kind kind = Kind::kDelete;
  // One cell per column; the key columns are always known.
  std::span<const Value> cells;
  // kMoved: one cell per column of which the key columns are known.
  std::span<const Value> source;
};

// Folds a run of changes of one table, all of one schema, into at most one MergedRow per key.
//
// The rows are meant to be applied together against the table as it was before the run (emptied
// first when truncated()): a `source` or the values that a partial row keeps always mean that
// state. So chains and swaps of keys need no order. Keys are equal when kind and bytes are.
//
// Refers to the cells of the events: they outlive it. One thread.
class Collapse {
 public:
  // Precondition: the schema has key columns.
  explicit Collapse(const TableSchema& schema);

  // Takes the next row change (create, read, update, delete or truncate). Code::kData when the
  // change leaves something open that nothing can tell.
  Result<void> add(const Event& event);

  bool truncated() const noexcept { return truncated_; }
  bool empty() const noexcept { return entries_.empty() && !truncated_; }
  std::vector<MergedRow> rows() const;

 private:
  using Cells = std::span<const Value>;
  struct Entry {
    std::uint64_t hash = 0;
    Cells cells;
    // Where the values of unknown cells are stored; empty = there are none or they are not stored.
    Cells base;
    bool deleted = false;
  };

  Result<void> insert(const Event& event);
  Result<void> update(const Event& event);
  Result<void> remove(const Event& event);
  // The cells of the new row as far as this event tells them.
  Cells new_cells(const Event& event);
  // `cells` over what is known of the row stored or pending under `key`.
  Result<Entry> overlay(Cells key, Cells cells);

  bool key_known(Cells cells) const;
  bool same_key(Cells a, Cells b) const;
  std::uint64_t hash_key(Cells cells) const;
  Entry* find(Cells key);
  Entry& find_or_add(Cells key);
  void put(Cells cells, Cells base);
  void mark_deleted(Cells key);
  void grow();
  Error data_error(std::string_view what, std::string_view remedy) const;

  const TableSchema& schema_;
  Arena arena_{std::size_t{64} << 10};
  std::vector<Entry> entries_;
  // Open addressing over entries_, one-based; 0 = free. The size is a power of two.
  std::vector<std::uint32_t> slots_;
  bool truncated_ = false;
};

}  // namespace rowtide::warehouse
