#include "tests/unit/snapshot_fixture.h"

#include <algorithm>

namespace rowtide::test {
void BackfillRunnerTest::start(bool initial) {
  runner = std::make_unique<BackfillRunner>(
      "shop", settings, initial, sinks, store,
      [this] {
        ++readers_made;
        return std::make_unique<FakeChunkReader>(shop);
      },
      fake.runtime);
  const auto state = store.load("shop");
  ASSERT_TRUE(state);
  ASSERT_TRUE(runner->start(*state));
  std::vector<std::optional<std::string>> tokens;
  for (const auto& sink : sinks) {
    tokens.push_back(lanes[sink].token);
  }
  stream.builder().reset();
  const auto restarted = runner->restart(tokens, stream.builder());
  ASSERT_TRUE(restarted) << restarted.error().to_text();
  runner->stream_opened();
  beat();
  deliver_stream();
}

void BackfillRunnerTest::stop() {
  gate.open();
  if (runner != nullptr) {
    runner->stop();
    runner.reset();
  }
}

void BackfillRunnerTest::commit(const std::string& table,
                                const std::function<void(FakeTable&)>& now, Change later) {
  const std::scoped_lock lock(shop.mutex);
  FakeTable& changed = shop.tables.at("public." + table);
  now(changed);
  on_the_way.emplace_back(
      [this, number = ++shop.committed, schema = changed.schema, later = std::move(later)] {
        stream.continue_at(number);
        stream.begin();
        later(stream, schema);
        return stream.commit().take();
      });
}

void BackfillRunnerTest::insert(const std::string& table, std::int64_t id,
                                const std::string& name) {
  commit(
      table, [&](FakeTable& one) { one.rows[id] = {name, "none"}; },
      [=](TestBatches& out, const SchemaPtr& schema) { out.insert(schema, {id, name, "none"}); });
}

void BackfillRunnerTest::rename(const std::string& table, std::int64_t id,
                                const std::string& name) {
  commit(
      table, [&](FakeTable& one) { one.rows.at(id).first = name; },
      [=](TestBatches& out, const SchemaPtr& schema) {
        out.update(schema, {id, name, kUnchangedCell});
      });
}

void BackfillRunnerTest::move(const std::string& table, std::int64_t from, std::int64_t to) {
  std::string name;
  {
    const std::scoped_lock lock(shop.mutex);
    name = shop.tables.at("public." + table).rows.at(from).first;
  }
  commit(
      table,
      [&](FakeTable& one) {
        one.rows[to] = one.rows.at(from);
        one.rows.erase(from);
      },
      [=](TestBatches& out, const SchemaPtr& schema) {
        out.update(schema, {to, name, kUnchangedCell}, {from, kAbsentCell, kAbsentCell},
                   BeforeImage::kKey);
      });
}

void BackfillRunnerTest::remove(const std::string& table, std::int64_t id) {
  commit(
      table, [&](FakeTable& one) { one.rows.erase(id); },
      [=](TestBatches& out, const SchemaPtr& schema) {
        out.remove(schema, {id, kAbsentCell, kAbsentCell});
      });
}

void BackfillRunnerTest::truncate(const std::string& table) {
  commit(
      table, [](FakeTable& one) { one.rows.clear(); },
      [](TestBatches& out, const SchemaPtr& schema) { out.truncate(schema); });
}

void BackfillRunnerTest::beat() {
  const std::scoped_lock lock(shop.mutex);
  on_the_way.emplace_back([this, number = ++shop.committed] {
    stream.continue_at(number);
    return stream.advance().take();
  });
}

void BackfillRunnerTest::deliver_stream() {
  while (!on_the_way.empty()) {
    const BatchPtr batch = on_the_way.front()();
    on_the_way.pop_front();
    runner->observe(*batch);
    take(batch);
  }
}

bool BackfillRunnerTest::deliver_slice() {
  // As the reader does: rows come behind whole transactions.
  const BatchPtr batch = runner->next(at, source_token, stream.builder());
  if (batch != nullptr) {
    EXPECT_EQ(batch->transactions().size(), 1U);
    take(batch);
  }
  return batch != nullptr;
}

// Applies a batch as a sink does that merges rows by key and stores the token with them.
void BackfillRunnerTest::take(const BatchPtr& batch) {
  EXPECT_GT(batch->last_position(), at);
  at = batch->last_position();
  source_token = split_token(batch->last_token()).first;
  last = batch;
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    FakeLane& lane = lanes[sinks[i]];
    if (lane.stalled) {
      continue;
    }
    lane.position = at;
    lane.token = batch->last_token();
    for (const Event& event : batch->events()) {
      if (!batch->is_for(i) || event.op == Op::kSchema) {
        continue;
      }
      if (event.op == Op::kMessage) {
        EXPECT_EQ(event.message_prefix, kBackfillEventPrefix);
        lane.story.emplace_back(event.message_content);
        continue;
      }
      EXPECT_EQ(event.schema->columns.size(), std::max(event.after.size(), event.before.size()) +
                                                  (event.op == Op::kTruncate ? 3 : 0));
      auto& rows = lane.tables[event.schema->table];
      if (event.op == Op::kTruncate) {
        rows.clear();
        continue;
      }
      std::pair<std::string, std::string> kept;
      const auto old = rows.find(key_cell(event, 0).integer());
      const auto from = event.before.empty() ? old : rows.find(event.before[0].integer());
      const bool known = from != rows.end();
      if (known) {
        kept = from->second;
        rows.erase(from);
      }
      const bool part = event.op != Op::kDelete && event.after[2].kind() == ValueKind::kUnchanged;
      if (event.op != Op::kDelete && (known || !part)) {
        const auto id = event.after[0].integer();
        rows[id] = {std::string(event.after[1].bytes()),
                    part ? kept.second : std::string(event.after[2].bytes())};
      }
      if (event.op == Op::kRead) {
        lane.story.push_back(event.schema->table + " " + std::to_string(event.after[0].integer()));
        lane.reads.push_back(event.schema->table + " " + std::to_string(event.after[0].integer()));
      }
    }
  }
}

bool BackfillRunnerTest::runs_until(const std::function<bool()>& holds) {
  return eventually([&] {
    deliver_stream();
    while (deliver_slice()) {
    }
    tell_stored();
    return holds();
  });
}

bool BackfillRunnerTest::takes_until(const std::function<bool()>& holds) {
  return eventually([&] {
    while (!holds() && deliver_slice()) {
    }
    return holds();
  });
}

bool BackfillRunnerTest::is_finished() {
  return runner->finished() && !runner->waiting();
}

bool BackfillRunnerTest::becomes_stored(const std::string& id, BackfillState state) {
  return eventually([&] {
    const auto known = store.load("shop");
    const auto record = known->backfills.find(id);
    return record != known->backfills.end() && decode_record(record->second)->state == state;
  });
}

bool BackfillRunnerTest::runs_to_the_end() {
  return runs_until([&] { return is_finished(); });
}

void BackfillRunnerTest::tell_stored() {
  std::map<std::string, LaneState> states;
  for (const auto& [name, lane] : lanes) {
    states[name].durable = {lane.position, lane.token.value_or("")};
  }
  runner->stored(states);
}

BackfillStatus BackfillRunnerTest::status(const std::string& id) const {
  for (auto& one : runner->status()) {
    if (one.id == id) {
      return one;
    }
  }
  ADD_FAILURE() << "no backfill " << id;
  return {};
}

void BackfillRunnerTest::expect_same_content() const {
  const std::scoped_lock lock(shop.mutex);
  for (const auto& [sink, lane] : lanes) {
    for (const auto& [name, table] : shop.tables) {
      const auto found = lane.tables.find(table.scan.table);
      const auto rows = found == lane.tables.end() ? decltype(table.rows)() : found->second;
      EXPECT_EQ(rows, table.rows) << sink << " " << name;
    }
  }
}

std::vector<std::string> BackfillRunnerTest::sorted_reads(const std::string& sink) const {
  auto reads = lanes.at(sink).reads;
  std::ranges::sort(reads);
  return reads;
}

std::vector<std::string> BackfillRunnerTest::all_rows() const {
  const std::scoped_lock lock(shop.mutex);
  std::vector<std::string> rows;
  for (const auto& [name, table] : shop.tables) {
    for (const auto& [id, texts] : table.rows) {
      rows.push_back(table.scan.table + " " + std::to_string(id));
    }
  }
  std::ranges::sort(rows);
  return rows;
}

}  // namespace rowtide::test
