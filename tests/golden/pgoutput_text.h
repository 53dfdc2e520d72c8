#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/batch/batch.h"
#include "sources/postgres/pgoutput_messages.h"
#include "sources/postgres/row_decoder.h"

namespace rowtide::postgres {

// One row change, truncate or logical message as text, with the transactions that it depends on.
struct RecordedChange {
  // 0 outside a streamed block.
  std::uint32_t stream_xid = 0;
  // The xid in the message itself: the subtransaction inside a streamed block.
  std::uint32_t xid = 0;
  // False for logical messages.
  bool is_row = true;
  std::string text;
};

// Reads the messages of one connection in order and says what each means, in one line.
class PgoutputReader {
 public:
  // `catalog` outlives the reader.
  explicit PgoutputReader(const TypeCatalog& catalog) : catalog_(catalog) { begin_batch(); }

  Result<std::string> describe(std::string_view message);

  // Of the last row message: its decoder and raw form, for tests that look closer.
  RelationDecoder* decoder(std::uint32_t relation_id) const;

  const std::vector<RecordedChange>& changes() const { return changes_; }
  // The xids that a stream abort named.
  const std::vector<std::uint32_t>& aborted_xids() const { return aborted_xids_; }

 private:
  Result<std::string> describe_relation(std::string_view message);
  Result<std::string> describe_row(std::string_view message);
  Result<std::string> describe_truncate(std::string_view message);
  Result<std::string> describe_logical(std::string_view message);
  Result<std::string> describe_stream(MessageType type, std::string_view message);
  Result<std::string> describe_prepared(MessageType type, std::string_view message);
  void begin_batch();

  const TypeCatalog& catalog_;
  std::map<std::uint32_t, std::unique_ptr<RelationDecoder>> decoders_;
  BatchBuilder builder_{{}, nullptr};
  std::vector<RecordedChange> changes_;
  std::vector<std::uint32_t> aborted_xids_;
  bool in_stream_ = false;
  std::uint32_t stream_xid_ = 0;
};

}  // namespace rowtide::postgres
