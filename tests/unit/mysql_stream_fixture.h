#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/runtime.h"
#include "offsets/memory_store.h"
#include "sources/mysql/stream_assembler.h"
#include "tests/unit/mysql_events_wire.h"

namespace rowtide::mysql {

namespace wire {

// shop.TABLE (id int primary key, v varchar(20)); `width` = 1 leaves v out.
std::string table_map(std::uint64_t table_id, std::string_view table, int width = 2);
// Rows of it, whose v is "r<id>".
std::string write_rows(std::uint64_t table_id, std::initializer_list<std::uint32_t> ids,
                       bool ends_statement = true, int width = 2);

}  // namespace wire

// Feeds events to an assembler and collects what comes out of it as text, one line each:
//   begin COMMIT ID [continued]       of a transaction's part in a batch
//   ROW c ID | ROW t TABLE | ROW s TABLE
//   commit TOKEN
//   advance COMMIT TOKEN
class MysqlStreamTest : public testing::Test {
 protected:
  using Lines = std::vector<std::string>;

  static constexpr std::string_view kServer = "267ec25e-e4db-11f1-94e3-02fc00000001";

  MysqlStreamTest() { restart("gtid:"); }

  // A new connection from the same source object, as after an error. `histories` are the tokens of
  // what lanes were delivered.
  void restart(std::string_view token, std::optional<Position> delivered = std::nullopt,
               const std::vector<std::string>& histories = {});
  // Takes one event in, resuming and cutting as the source does.
  Result<void> send(EventType type, std::string_view body, std::uint16_t flags = 0);
  void must(EventType type, std::string_view body, std::uint16_t flags = 0);

  // GTID `gno` of kServer, and what follows it.
  void gtid(std::int64_t gno);
  void maria_gtid(std::uint64_t sequence, std::uint8_t flags = 0, std::string_view gtrid = {},
                  std::uint32_t domain = 0);
  void query(std::string_view statement);
  Result<void> try_query(std::string_view statement);
  void rows(std::string_view table, std::initializer_list<std::uint32_t> ids);
  void xid();
  // GTID, BEGIN, rows, XID.
  void insert(std::int64_t gno, std::initializer_list<std::uint32_t> ids,
              std::string_view table = "t");
  // A whole XA PREPARE group.
  void prepare(std::int64_t gno, std::string_view gtrid, std::initializer_list<std::uint32_t> ids);

  // What came out since the last call, announcements of schemas left out.
  Lines taken();
  Lines taken_with_schemas();
  static Position whole(std::uint64_t commit) { return {0, commit, kWholeTransaction}; }
  static std::string set(std::string_view intervals) {
    return "gtid:" + std::string(kServer) + ":" + std::string(intervals);
  }

  MemoryStore store;
  SystemClock clock;
  Failpoints failpoints;
  SchemaAnnouncements announcements{{}};
  ShapeCache shapes{{}, nullptr, {}};
  StreamAssembler assembler{"shop",
                            [](std::string_view database, std::string_view table) {
                              return database == "shop" && !table.starts_with("other");
                            },
                            announcements, store, Runtime{clock, failpoints, Log::silent()}};
  BatchBuilder builder{{}, nullptr};
  bool lower_case_names = false;  // of the next restart()

 private:
  void cut();

  Lines lines_;
  std::uint64_t next_table_id_ = 100;
};

}  // namespace rowtide::mysql
