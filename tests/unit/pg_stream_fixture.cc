#include "tests/unit/pg_stream_fixture.h"

#include <utility>

#include <fmt/format.h>

#include "tests/unit/pg_decode_wire.h"

namespace rowtide::postgres {
namespace wire {
namespace {

constexpr std::uint32_t kInt4 = 23;
constexpr std::uint32_t kText = 25;

std::string in_stream(std::uint32_t xid) {
  return xid == 0 ? std::string() : u32(xid);
}

std::string column(bool is_key, std::string_view name, std::uint32_t type) {
  return u8(is_key ? 1 : 0) + text(name) + u32(type) + u32(0xffffffff);
}

std::string prepare_body(std::uint64_t lsn, std::uint32_t xid, std::string_view gid) {
  return u64(lsn) + u64(lsn + 8) + u64(0) + u32(xid) + text(gid);
}

}  // namespace

std::string relation(std::uint32_t id, std::uint32_t xid, int width) {
  return "R" + in_stream(xid) + u32(id) + text("public") +
         text(id == kOrders ? "orders" : "items") + "d" + u16(static_cast<std::uint32_t>(width)) +
         column(true, "id", kInt4) + (width == 2 ? column(false, "note", kText) : std::string());
}

std::string insert(std::uint32_t id, int key, std::string_view note, std::uint32_t xid) {
  return "I" + in_stream(xid) + u32(id) + "N" +
         tuple({text_cell(std::to_string(key)), text_cell(note)});
}

std::string insert_key(std::uint32_t id, int key, std::uint32_t xid) {
  return "I" + in_stream(xid) + u32(id) + "N" + tuple({text_cell(std::to_string(key))});
}

std::string truncate(std::initializer_list<std::uint32_t> ids, std::uint32_t xid) {
  std::string out = "T" + in_stream(xid) + u32(ids.size()) + u8(0);
  for (const auto id : ids) {
    out += u32(id);
  }
  return out;
}

std::string message(std::string_view prefix, std::string_view content, std::uint32_t xid) {
  return "M" + in_stream(xid) + u8(1) + u64(0) + text(prefix) + u32(content.size()) +
         std::string(content);
}

std::string free_message(std::uint64_t lsn, std::string_view prefix, std::string_view content) {
  return "M" + u8(0) + u64(lsn) + text(prefix) + u32(content.size()) + std::string(content);
}

std::string begin(std::uint64_t lsn, std::uint32_t xid) {
  return "B" + u64(lsn) + u64(0) + u32(xid);
}

std::string commit(std::uint64_t lsn) {
  return "C" + u8(0) + u64(lsn) + u64(lsn + 8) + u64(0);
}

std::string stream_start(std::uint32_t xid, bool first) {
  return "S" + u32(xid) + u8(first ? 1 : 0);
}

std::string stream_stop() {
  return "E";
}

std::string stream_commit(std::uint32_t xid, std::uint64_t lsn) {
  return "c" + u32(xid) + u8(0) + u64(lsn) + u64(lsn + 8) + u64(0);
}

std::string stream_abort(std::uint32_t xid, std::uint32_t subxid) {
  return "A" + u32(xid) + u32(subxid);
}

std::string begin_prepare(std::uint64_t lsn, std::uint32_t xid, std::string_view gid) {
  return "b" + prepare_body(lsn, xid, gid);
}

std::string prepare(std::uint64_t lsn, std::uint32_t xid, std::string_view gid) {
  return "P" + u8(0) + prepare_body(lsn, xid, gid);
}

std::string stream_prepare(std::uint64_t lsn, std::uint32_t xid, std::string_view gid) {
  return "p" + u8(0) + prepare_body(lsn, xid, gid);
}

std::string commit_prepared(std::uint64_t lsn, std::uint32_t xid, std::string_view gid) {
  return "K" + u8(0) + prepare_body(lsn, xid, gid);
}

std::string rollback_prepared(std::uint64_t lsn, std::uint32_t xid, std::string_view gid) {
  return "r" + u8(0) + u64(lsn - 8) + u64(lsn) + u64(0) + u64(0) + u32(xid) + text(gid);
}

}  // namespace wire

namespace {

constexpr std::string_view kSystemId = "7000000000000000001";

std::string describe(const Event& event) {
  const auto row = event.row == kWholeTransaction ? "*" : std::to_string(event.row);
  switch (event.op) {
    case Op::kCreate: {
      const auto note = event.after.size() > 1 ? event.after[1].bytes() : "-";
      return fmt::format("{} c {} {}", row, event.after[0].integer(), note);
    }
    case Op::kTruncate:
      return fmt::format("{} t {}", row, event.schema->table);
    case Op::kMessage:
      return fmt::format("{} m {} {}", row, event.message_prefix, event.message_content);
    case Op::kSchema:
      return fmt::format("{} s {}", row, event.schema->table);
    default:
      return row + " ?";
  }
}

// The LSN of a token of this stream.
std::string lsn_of(std::string_view token) {
  const auto prefix = fmt::format("{}:1:", kSystemId);
  EXPECT_TRUE(token.starts_with(prefix)) << token;
  return std::string(token.substr(std::min(prefix.size(), token.size())));
}

}  // namespace

Result<void> FakeSpillStore::append(std::string_view pipeline, std::uint64_t transaction,
                                    std::uint64_t sequence, std::string_view block) {
  if (append_error) {
    return fail(*append_error);
  }
  ++appended;
  return memory.append(pipeline, transaction, sequence, block);
}

Result<std::string> FakeSpillStore::read(std::string_view pipeline, std::uint64_t transaction,
                                         std::uint64_t sequence) {
  ROWTIDE_TRY_ASSIGN(std::string block, memory.read(pipeline, transaction, sequence));
  return on_read ? on_read(sequence, std::move(block)) : std::move(block);
}

void StreamTest::restart(std::optional<Position> delivered, std::uint64_t start_lsn) {
  builder.reset();
  StreamAssembler::Start start;
  start.system_id = kSystemId;
  start.timeline = 1;
  start.start_lsn = start_lsn;
  start.delivered = delivered;
  start.highest = delivered;
  ASSERT_TRUE(assembler.reset(start));
}

void StreamTest::cut() {
  if (!builder.can_cut()) {
    return;
  }
  const auto batch = builder.take();
  for (const auto& transaction : batch->transactions()) {
    lines_.push_back(
        fmt::format("begin {:X}{}", transaction.commit, transaction.continued ? " continued" : ""));
    for (const auto& event :
         batch->events().subspan(transaction.first_event, transaction.event_count)) {
      lines_.push_back(describe(event));
    }
    if (transaction.complete) {
      lines_.push_back("commit " + lsn_of(transaction.end_token));
    }
  }
  const bool behind = batch->transactions().empty() ||
                      batch->last_position().commit > batch->transactions().back().commit;
  if (behind) {
    lines_.push_back(
        fmt::format("advance {:X} {}", batch->last_position().commit, lsn_of(batch->last_token())));
  }
}

Result<void> StreamTest::send(const std::string& message) {
  ROWTIDE_TRY(assembler.take(message, builder));
  while (assembler.releasing()) {
    cut();
    ROWTIDE_TRY(assembler.release(builder));
  }
  if (builder.full()) {
    cut();
  }
  return {};
}

void StreamTest::send_all(std::initializer_list<std::string> messages) {
  for (const auto& message : messages) {
    const auto sent = send(message);
    ASSERT_TRUE(sent) << message.front() << ": " << sent.error().to_text();
  }
}

StreamTest::Lines StreamTest::taken() {
  cut();
  return std::exchange(lines_, {});
}

StreamTest::Lines StreamTest::without_schemas(Lines lines) {
  std::erase_if(lines, [](const std::string& line) { return line.find(" s ") == 1; });
  return lines;
}

StreamTest::Lines StreamTest::taken_rows() {
  Lines rows;
  for (const auto& line : taken()) {
    if (const auto space = line.find(' '); line.substr(space).starts_with(" c ")) {
      rows.push_back(line.substr(space + 1));
    }
  }
  return rows;
}

}  // namespace rowtide::postgres
