#include "tests/contract/source_harness.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace rowtide::test {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);
constexpr std::string_view kSentinels = "sentinels";

bool is_row(const Event& event) {
  return event.op != Op::kSchema && event.op != Op::kMessage;
}

std::string cell_text(const Value& value) {
  constexpr std::size_t kShown = 24;
  if (!value.is_known() || value.is_null()) {
    return value.is_null() ? "NULL" : "?";
  }
  return value.has_bytes() ? std::string(value.bytes().substr(0, kShown))
                           : std::to_string(value.integer());
}

std::string line_of(const Event& event) {
  std::string line(1, op_letter(event.op));
  if (event.op == Op::kMessage) {
    return line.append(" ").append(event.message_prefix).append(" ").append(event.message_content);
  }
  line += " " + event.schema->table;
  if (event.op == Op::kSchema) {
    std::string names;
    for (const auto& column : event.schema->columns) {
      names += (names.empty() ? " " : ",") + column.name;
    }
    return line + names;
  }
  if (event.op == Op::kDelete) {
    return line + " " + cell_text(key_cell(event, event.schema->key_columns.front()));
  }
  for (const auto& cell : event.after) {
    line += " " + cell_text(cell);
  }
  return line;
}

template <class Wanted>
Lines lines_of(const Batches& batches, bool positioned, const Wanted& wanted) {
  Lines lines;
  for (const auto& batch : batches) {
    for (const auto& event : batch->events()) {
      if (wanted(event) && (event.schema == nullptr || event.schema->table != kSentinels)) {
        lines.push_back((positioned ? to_text(batch->position_of(event)) + " " : std::string()) +
                        line_of(event));
      }
    }
  }
  return lines;
}

}  // namespace

Lines rows_of(const Batches& batches) {
  return lines_of(batches, false, is_row);
}
Lines positioned_rows_of(const Batches& batches) {
  return lines_of(batches, true, is_row);
}
Lines events_of(const Batches& batches) {
  return lines_of(batches, false, [](const Event&) { return true; });
}

void SourceContract::SetUp() {
  std::string why_not;
  subject_ = GetParam().create(why_not);
  if (subject_ == nullptr) {
    GTEST_SKIP() << why_not;
  }
  reconnect_writer();
  restart();
}

void SourceContract::TearDown() {
  if (source_ != nullptr) {
    source_->close();
  }
  // Before the database that they are connected to.
  source_.reset();
  writer_.reset();
  subject_.reset();
}

void SourceContract::restart(Variant variant) {
  if (source_ != nullptr) {
    close();
  }
  source_.reset();
  auto made =
      subject_->make(Runtime{clock_, failpoints_, Log::silent()}, store_, announced_, variant);
  ASSERT_TRUE(made) << made.error().to_text();
  source_ = std::move(*made);
}

void SourceContract::cut_at(std::size_t events) {
  batch_events_ = events;
  builder_ = BatchBuilder({.batch_events = events}, nullptr);
}

Result<void> SourceContract::open(const StreamStart& start) {
  batches_.clear();
  builder_.reset();  // the former stream may have ended inside a transaction
  last_row_.reset();
  from_ = start.from ? std::optional(start.from->position) : std::nullopt;
  const auto deadline = now() + kPatience;
  while (true) {
    // A server may need a moment to notice that the stream before has ended.
    auto opened = source_->open(start);
    if (opened || opened.error().disposition != Disposition::kRetry || now() > deadline) {
      return opened;
    }
    source_->close();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void SourceContract::opened_at(const StreamStart& start) {
  const auto done = open(start);
  ASSERT_TRUE(done) << done.error().to_text();
}

void SourceContract::close() {
  source_->close();
  builder_.reset();
}

Result<PollOutcome> SourceContract::step() {
  auto outcome = source_->poll(builder_, now() + std::chrono::milliseconds(200));
  if (!outcome) {
    return outcome;
  }
  EXPECT_TRUE(builder_.empty() || builder_.can_cut()) << "poll left a builder that cannot be cut";
  if (builder_.can_cut() && (*outcome != PollOutcome::kMore || builder_.full())) {
    take();
  }
  ROWTIDE_TRY(source_->acknowledge(durable));
  return outcome;
}

void SourceContract::take() {
  auto batch = builder_.take();
  check(*batch);
  batches_.push_back(filtered(std::move(batch), from_, nullptr));
}

void SourceContract::check(const Batch& batch) {
  // A truncate of several tables and what is attached to a row may go beyond the limit.
  constexpr std::size_t kBeyondLimit = 8;
  EXPECT_LE(batch.events().size(), batch_events_ + kBeyondLimit) << "poll went on when full";
  for (const auto& event : batch.events()) {
    if (event.op == Op::kSchema) {
      announced_.insert_or_assign(event.schema->table_id, *event.schema);
    }
    if (!is_row(event)) {
      continue;
    }
    const auto position = batch.position_of(event);
    EXPECT_TRUE(!last_row_ || *last_row_ < position) << to_text(position) << " does not ascend";
    last_row_ = position;
    const auto announced = announced_.find(event.schema->table_id);
    const bool fits = announced != announced_.end() && announced->second == *event.schema;
    EXPECT_TRUE(fits) << line_of(event) << " came before the shape that it has was announced";
  }
}

void SourceContract::read_until(const std::function<bool()>& done) {
  const auto deadline = now() + kPatience;
  while (!done()) {
    const auto outcome = step();
    ASSERT_TRUE(outcome) << outcome.error().to_text();
    ASSERT_LT(now(), deadline) << "it never came";
  }
}

void SourceContract::read_all() {
  const auto id = std::to_string(++sentinels_);
  writer().run("INSERT INTO sentinels VALUES (" + id + ", 'end')");
  std::size_t seen = 0;
  bool found = false;
  read_until([&] {
    for (; seen < batches_.size(); ++seen) {
      found = found || std::ranges::any_of(batches_[seen]->events(), [&](const Event& event) {
                return is_row(event) && line_of(event) == "c sentinels " + id + " end";
              });
    }
    return found;
  });
}

Error SourceContract::read_until_error() {
  const auto deadline = now() + kPatience;
  while (now() < deadline) {
    if (auto outcome = step(); !outcome) {
      return outcome.error();
    }
  }
  ADD_FAILURE() << "poll and acknowledge never failed";
  return {};
}

Error SourceContract::refusal_of(const StreamStart& start) {
  const auto opened = open(start);
  return opened ? read_until_error() : opened.error();
}

void SourceContract::acknowledge_until_confirmed() {
  const auto confirmed = [&] {
    return !GetParam().server_is_told || subject().confirmed() >= subject().confirmed_by(*durable);
  };
  acknowledge_until(confirmed);
}

void SourceContract::acknowledge_until(const std::function<bool()>& done) {
  wait_until([&] {
    const auto acknowledged = source_->acknowledge(durable);
    EXPECT_TRUE(acknowledged) << acknowledged.error().to_text();
    return !acknowledged || done();
  });
}

void SourceContract::wait_until(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "it never came";
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void SourceContract::insert_many(WriterSession& session, const std::string& table, int first,
                                 int count) {
  std::string sql = "INSERT INTO " + table + " VALUES ";
  for (int id = first; id < first + count; ++id) {
    const auto number = std::to_string(id);
    sql.append(id == first ? "(" : ", (").append(number).append(", 'note ").append(number);
    sql.append(" ").append(300, 'x').append("')");
  }
  session.run(sql);
}

void SourceContract::insert_many_and_see_them_sent(int first, int count) {
  insert_many(writer(), "orders", first, count);
  if (GetParam().sends_before_commit) {
    read_until([&] { return source().status().spilled_bytes > 0; });
  }
}

}  // namespace rowtide::test
