#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/runtime.h"
#include "offsets/memory_store.h"
#include "sources/postgres/stream_assembler.h"

namespace rowtide::postgres {

// pgoutput messages as the server writes them. `xid` is 0 outside of a streamed block; inside it is
// the (sub)transaction that the message belongs to.
namespace wire {

inline constexpr std::uint32_t kOrders = 42;
inline constexpr std::uint32_t kItems = 43;

// public.orders or public.items, both (id int4 key, note text); `width` = 1 leaves the note out.
std::string relation(std::uint32_t id, std::uint32_t xid = 0, int width = 2);
std::string insert(std::uint32_t id, int key, std::string_view note, std::uint32_t xid = 0);
// A row of a relation with one column.
std::string insert_key(std::uint32_t id, int key, std::uint32_t xid = 0);
std::string truncate(std::initializer_list<std::uint32_t> ids, std::uint32_t xid = 0);
std::string message(std::string_view prefix, std::string_view content, std::uint32_t xid = 0);
std::string free_message(std::uint64_t lsn, std::string_view prefix, std::string_view content);

// A commit at `lsn` ends at `lsn` + 8.
std::string begin(std::uint64_t lsn, std::uint32_t xid);
std::string commit(std::uint64_t lsn);
std::string stream_start(std::uint32_t xid, bool first = true);
std::string stream_stop();
std::string stream_commit(std::uint32_t xid, std::uint64_t lsn);
std::string stream_abort(std::uint32_t xid, std::uint32_t subxid);
std::string begin_prepare(std::uint64_t lsn, std::uint32_t xid, std::string_view gid);
std::string prepare(std::uint64_t lsn, std::uint32_t xid, std::string_view gid);
std::string stream_prepare(std::uint64_t lsn, std::uint32_t xid, std::string_view gid);
std::string commit_prepared(std::uint64_t lsn, std::uint32_t xid, std::string_view gid);
std::string rollback_prepared(std::uint64_t lsn, std::uint32_t xid, std::string_view gid);

}  // namespace wire

// A spill store in memory whose blocks a test can spoil.
class FakeSpillStore final : public SpillStore {
 public:
  Result<void> append(std::string_view pipeline, std::uint64_t transaction, std::uint64_t sequence,
                      std::string_view block) override;
  Result<std::string> read(std::string_view pipeline, std::uint64_t transaction,
                           std::uint64_t sequence) override;
  Result<void> drop(std::string_view pipeline, std::uint64_t transaction) override {
    return memory.drop(pipeline, transaction);
  }
  Result<void> clear(std::string_view pipeline) override { return memory.clear(pipeline); }

  MemoryStore memory;
  // The last word on each block that is read.
  std::function<Result<std::string>(std::uint64_t sequence, std::string block)> on_read;
  std::optional<Error> append_error;
  std::size_t appended = 0;
};

// Feeds messages to an assembler and collects what comes out of it as text, one line each:
//   begin COMMIT-LSN [continued]      of a transaction's part in a batch
//   ROW c KEY NOTE | ROW t TABLE | ROW m PREFIX CONTENT | ROW s TABLE     row = * at the end
//   commit TOKEN-LSN
//   advance LSN TOKEN-LSN
class StreamTest : public testing::Test {
 protected:
  using Lines = std::vector<std::string>;

  StreamTest() { restart(); }

  // A new connection from the same source object, as after an error.
  void restart(std::optional<Position> delivered = std::nullopt, std::uint64_t start_lsn = 0x100);
  // Takes the message in, releasing and cutting as the source does.
  Result<void> send(const std::string& message);
  void send_all(std::initializer_list<std::string> messages);
  // What came out since the last call.
  Lines taken();
  // The rows among it, without their index: "c 1 a".
  Lines taken_rows();

  // A source announces a table once, whatever its connections do.
  static Lines without_schemas(Lines lines);
  static Position whole(std::uint64_t commit_lsn) { return {1, commit_lsn, kWholeTransaction}; }

  FakeSpillStore store;
  SystemClock clock;
  Failpoints failpoints;
  RelationCache relations{
      {}, {}, [] {
        return Result<PGconn*>(fail(fatal_error(Code::kInternal, "no catalog in this test")));
      }};
  DeliveredTransactions seen_by_readers;
  StreamAssembler assembler{"shop", relations, store, seen_by_readers,
                            Runtime{clock, failpoints, Log::silent()}};
  BatchBuilder builder{{}, nullptr};

 private:
  void cut();

  Lines lines_;
};

}  // namespace rowtide::postgres
