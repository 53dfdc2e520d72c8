// A binary log of a hostile server: the framer, every parser of an event that is no row, payloads,
// statements, GTID sets and stored tokens, and the assembler over all of them.
//
// Input: a byte that chooses (0 packets for the framer, 1 MySQL, 2 MariaDB, 3 MySQL without GTIDs,
// 4 texts), then pieces: for 1 to 3 a type byte, an Int16 length and that many bytes of a body;
// else an Int16 length and that many bytes.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/cursor.h"
#include "engine/batch/batch.h"
#include "offsets/memory_store.h"
#include "sources/mysql/statement.h"
#include "sources/mysql/stream_assembler.h"

namespace rowtide::mysql {
namespace {

constexpr std::string_view kServer = "267ec25e-e4db-11f1-94e3-02fc00000001";

void read_text(std::string_view text) {
  const Statement statement = parse_statement(text);
  ROWTIDE_ASSERT(statement.tables.size() <= text.size());
  if (const auto set = GtidSet::parse(text)) {
    // What is canonical stays as it is, in text and in bytes.
    const auto again = GtidSet::parse(set->text());
    ROWTIDE_ASSERT(again && *again == *set && again->count() == set->count());
    const auto decoded = GtidSet::decode(set->encode());
    ROWTIDE_ASSERT(decoded && *decoded == *set);
    ROWTIDE_ASSERT(set->is_subset_of(*again));
  }
  if (const auto state = MariaDbGtidState::parse(text)) {
    ROWTIDE_ASSERT(*MariaDbGtidState::parse(state->text()) == *state);
  }
  if (const auto position = StreamPosition::parse(text)) {
    const auto again = StreamPosition::parse(position->token());
    ROWTIDE_ASSERT(again && again->token() == position->token());
  }
}

void parse_alone(const BinlogEvent& event) {
  ignore_error(parse_rotate(event.body), "fuzzed");
  ignore_error(parse_query(event.body), "fuzzed");
  ignore_error(parse_gtid(event.header.type, event.body), "fuzzed");
  ignore_error(parse_mariadb_gtid(event.header, event.body), "fuzzed");
  ignore_error(parse_gtid_list(event.body), "fuzzed");
  ignore_error(parse_previous_gtids(event.body), "fuzzed");
  ignore_error(parse_xid(event.body), "fuzzed");
  ignore_error(parse_xa_prepare(event.body), "fuzzed");
  ignore_error(parse_heartbeat(event.header, event.body), "fuzzed");
  ignore_error(parse_incident(event.body), "fuzzed");
}

class Stream {
 public:
  explicit Stream(std::string_view token)
      : shapes_({.decode = {}, .is_mariadb = token.starts_with("mariadb")}, nullptr, {}) {
    StreamAssembler::Start start{.position = *StreamPosition::parse(token),
                                 .delivered = std::nullopt,
                                 .histories = {},
                                 .server_uuid = std::string(kServer),
                                 .lower_case_names = false,
                                 .shapes = &shapes_};
    open_ = assembler_.reset(std::move(start)).has_value();
  }

  void receive(const BinlogEvent& event) {
    parse_alone(event);
    if (!open_) {
      return;
    }
    bool good = assembler_.take(event, builder_).has_value();
    while (good && assembler_.busy()) {
      cut();
      good = assembler_.resume(builder_).has_value();
    }
    // After an error the source starts over.
    open_ = good;
    if (good) {
      assembler_.advance(builder_);
      cut();
    }
  }

 private:
  void cut() {
    if (builder_.can_cut()) {
      const auto batch = builder_.take();
      ROWTIDE_ASSERT(last_ <= batch->last_position());
      last_ = batch->last_position();
    }
  }

  MemoryStore store_;
  SystemClock clock_;
  Failpoints failpoints_;
  SchemaAnnouncements announcements_{{}};
  ShapeCache shapes_;
  StreamAssembler assembler_{
      "fuzz", [](std::string_view, std::string_view table) { return !table.starts_with("other"); },
      announcements_, store_, Runtime{clock_, failpoints_, Log::silent()}};
  BatchBuilder builder_{{.batch_bytes = 4096, .batch_events = 3}, nullptr};
  Position last_;
  bool open_ = false;
};

// A copy of its own size, so that a sanitizer sees a read past its end.
std::vector<char> take_piece(Cursor& input) {
  const std::size_t length = input.u16_be();
  const auto bytes = input.take(std::min(length, input.remaining()));
  return {bytes.begin(), bytes.end()};
}

void run_stream(Cursor& input, std::string_view token) {
  Stream stream(token);
  while (input.remaining() > 0) {
    BinlogEvent event;
    const auto type = input.u8();
    event.header.type = static_cast<EventType>(type);
    event.header.server_id = 1;
    // A rotate means something only when the server made it up.
    event.header.flags = event.header.type == EventType::kRotate ? kFlagArtificial : 0;
    event.header.log_pos = static_cast<std::uint32_t>(input.remaining());
    const auto body = take_piece(input);
    event.body = {body.data(), body.size()};
    stream.receive(event);
  }
}

}  // namespace
}  // namespace rowtide::mysql

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rowtide::mysql;
  rowtide::Cursor input(reinterpret_cast<const char*>(data), size);
  EventFramer framer;
  switch (input.u8() % 5) {
    case 1:
      run_stream(input, "gtid:");
      return 0;
    case 2:
      run_stream(input, "mariadb:");
      return 0;
    case 3:
      run_stream(input, "file:" + std::string(kServer) + ":binlog.000001:4");
      return 0;
    case 4:
      while (input.remaining() > 0) {
        const auto text = take_piece(input);
        read_text({text.data(), text.size()});
      }
      return 0;
    default:
      while (input.remaining() > 0) {
        const auto packet = take_piece(input);
        const auto event = framer.take({packet.data(), packet.size()});
        if (event) {
          parse_alone(*event);
        }
      }
      return 0;
  }
}
