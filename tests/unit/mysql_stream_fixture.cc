#include "tests/unit/mysql_stream_fixture.h"

#include <algorithm>

#include <fmt/format.h>

namespace rowtide::mysql {

namespace wire {

std::string table_map(std::uint64_t table_id, std::string_view table, int width) {
  const auto text = [](std::string_view name) {
    return number(name.size(), 1) + std::string(name);
  };
  std::string body = number(table_id, 6) + number(1, 2) + text("shop") + '\0' + text(table) + '\0';
  const bool two = width == 2;
  body += two ? bytes("02 03 0f 02 5000 02") : bytes("01 03 00 00");
  // Signedness, character set, names, primary key.
  body += bytes("01 01 00");
  if (two) {
    body += bytes("02 01 2d");
  }
  const std::string names = two ? text("id") + text("v") : text("id");
  return body + bytes("04") + number(names.size(), 1) + names + bytes("08 01 00");
}

std::string write_rows(std::uint64_t table_id, std::initializer_list<std::uint32_t> ids,
                       bool ends_statement, int width) {
  std::string body = number(table_id, 6) + number(ends_statement ? 1 : 0, 2) + number(2, 2) +
                     number(static_cast<std::uint64_t>(width), 1) + number(width == 2 ? 3 : 1, 1);
  for (const auto id : ids) {
    body += number(0, 1) + number(id, 4);
    if (width == 2) {
      const auto text = fmt::format("r{}", id);
      body += number(text.size(), 1) + text;
    }
  }
  return body;
}

}  // namespace wire

void MysqlStreamTest::restart(std::string_view token, std::optional<Position> delivered,
                              const std::vector<std::string>& histories) {
  builder.reset();
  StreamAssembler::Start start{.position = *StreamPosition::parse(token),
                               .delivered = delivered,
                               .histories = {},
                               .server_uuid = std::string(kServer),
                               .lower_case_names = lower_case_names,
                               .shapes = &shapes};
  for (const std::string& stored : histories) {
    start.histories.push_back(*StreamPosition::parse(stored));
  }
  ASSERT_TRUE(assembler.reset(std::move(start)));
}

Result<void> MysqlStreamTest::send(EventType type, std::string_view body, std::uint16_t flags) {
  const auto packet = wire::event(type, body, false, flags);
  const BinlogEvent event{*parse_event_header(packet),
                          std::string_view(packet).substr(kEventHeaderBytes)};
  ROWTIDE_TRY(assembler.take(event, builder));
  while (assembler.busy()) {
    cut();
    ROWTIDE_TRY(assembler.resume(builder));
  }
  return {};
}

void MysqlStreamTest::must(EventType type, std::string_view body, std::uint16_t flags) {
  const auto sent = send(type, body, flags);
  ASSERT_TRUE(sent) << sent.error().to_text();
}

void MysqlStreamTest::gtid(std::int64_t gno) {
  must(EventType::kGtid, wire::gtid_body(*parse_uuid(kServer), gno));
}

void MysqlStreamTest::maria_gtid(std::uint64_t sequence, std::uint8_t flags, std::string_view gtrid,
                                 std::uint32_t domain) {
  must(EventType::kMariaDbGtid, wire::mariadb_gtid_body(domain, sequence, flags, gtrid));
}

Result<void> MysqlStreamTest::try_query(std::string_view statement) {
  return send(EventType::kQuery, wire::query_body("shop", statement));
}

void MysqlStreamTest::query(std::string_view statement) {
  must(EventType::kQuery, wire::query_body("shop", statement));
}

void MysqlStreamTest::rows(std::string_view table, std::initializer_list<std::uint32_t> ids) {
  const auto table_id = next_table_id_++;
  must(EventType::kTableMap, wire::table_map(table_id, table));
  must(EventType::kWriteRows, wire::write_rows(table_id, ids));
}

void MysqlStreamTest::xid() {
  must(EventType::kXid, wire::number(5, 8));
}

void MysqlStreamTest::insert(std::int64_t gno, std::initializer_list<std::uint32_t> ids,
                             std::string_view table) {
  gtid(gno);
  query("BEGIN");
  rows(table, ids);
  xid();
}

void MysqlStreamTest::prepare(std::int64_t gno, std::string_view gtrid,
                              std::initializer_list<std::uint32_t> ids) {
  gtid(gno);
  query(fmt::format("XA START '{}'", gtrid));
  rows("t", ids);
  query(fmt::format("XA END '{}'", gtrid));
  must(EventType::kXaPrepare, wire::xa_prepare_body(gtrid));
}

void MysqlStreamTest::cut() {
  assembler.advance(builder);
  if (!builder.can_cut()) {
    return;
  }
  const auto batch = builder.take();
  announcements.taken();
  for (const auto& transaction : batch->transactions()) {
    lines_.push_back(fmt::format("begin {} {}{}", transaction.commit, transaction.id,
                                 transaction.continued ? " continued" : ""));
    const auto end = transaction.first_event + transaction.event_count;
    for (auto i = transaction.first_event; i < end; ++i) {
      const Event& event = batch->events()[i];
      lines_.push_back(
          event.op == Op::kCreate
              ? fmt::format("{} c {}", event.row, event.after[0].integer())
              : fmt::format("{} {} {}", event.row, op_letter(event.op), event.schema->table));
    }
    if (transaction.complete) {
      lines_.push_back(fmt::format("commit {}", transaction.end_token));
    }
  }
  if (batch->transactions().empty() ||
      batch->last_position() != batch->transactions().back().end_position()) {
    if (batch->last_position().is_whole()) {
      lines_.push_back(
          fmt::format("advance {} {}", batch->last_position().commit, batch->last_token()));
    }
  }
}

MysqlStreamTest::Lines MysqlStreamTest::taken_with_schemas() {
  cut();
  return std::exchange(lines_, {});
}

MysqlStreamTest::Lines MysqlStreamTest::taken() {
  Lines lines = taken_with_schemas();
  std::erase_if(lines, [](const std::string& line) {
    const auto space = line.find(' ');
    return line.substr(space, 3) == " s ";
  });
  return lines;
}

}  // namespace rowtide::mysql
