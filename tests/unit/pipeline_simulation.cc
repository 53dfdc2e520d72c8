#include <random>

#include "tests/unit/pipeline_fixture.h"

// Pipelines that are killed and started again at random while their sinks, their source and their
// store fail at random. Whatever happens, every destination ends with exactly the rows of the
// script, in order.
namespace rowtide::test {
namespace {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : random_(seed) {}
  std::uint64_t below(std::uint64_t bound) {
    const std::scoped_lock lock(mutex_);
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(random_);
  }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::mutex mutex_;
  std::mt19937_64 random_;
};

class Simulations : public PipelineTest {
 protected:
  static constexpr std::uint64_t kSeeds = 200;

  void build(Chance& chance) {
    std::vector<int> script;
    for (std::uint64_t n = 8 + chance.below(12); n > 0; --n) {
      // Idle steps, small transactions, and some that span several batches.
      script.push_back(static_cast<int>(chance.one_in(6) ? 8 : chance.below(4)));
    }
    script.push_back(1);
    database = std::make_unique<FakeDatabase>(script);
    // The last one comes in the last life, so that every sink sees the stream there.
    database->committed = script.size() - 1;
    database->before_poll = [&] { return sometimes(chance, 40); };
    database->before_open = [&](const StreamStart&) { return sometimes(chance, 10); };
    limits.batch_events = 1 + chance.below(5);
    buffer_bytes = chance.one_in(2) ? 1 : std::size_t{1} << 20;
    add_sink("all");
    add_sink("even", true, [](const Event& event) { return event.after[0].integer() % 2 == 0; });
    add_sink("first", true, [](const Event& event) { return event.after[0].integer() < 4000; });
    for (auto& spoke : spokes) {
      auto& destination = spoke->destination;
      destination.guarantee = chance.one_in(2) ? Guarantee::kTransactional : Guarantee::kIdempotent;
      destination.splits = chance.one_in(2);
      destination.before_open = [&] { return sometimes(chance, 8); };
      destination.before_submit = [&](const Batch&) { return sometimes(chance, 20); };
      // With the destination's mutex held: makes durable as much as it likes.
      destination.before_poll = [&] {
        destination.durable_limit = Position{1, 50 * chance.below(70), 0};
        if (chance.one_in(3)) {
          destination.durable_limit.reset();
        }
        return sometimes(chance, 30);
      };
    }
  }

  static Result<void> sometimes(Chance& chance, std::uint64_t one_in) {
    if (chance.one_in(one_in)) {
      return fail(retry_error(Code::kConnection, "an error at random"));
    }
    return {};
  }

  bool complete() const {
    const auto wanted = [this](std::size_t spoke) {
      return database->all_rows([spoke](std::int64_t id) {
        return spoke == 0 || (spoke == 1 ? id % 2 == 0 : id < 4000);
      });
    };
    for (std::size_t i = 0; i < spokes.size(); ++i) {
      if (spokes[i]->destination.delivered() != wanted(i)) {
        return false;
      }
    }
    return true;
  }

  // One life of the process; true when every destination was complete before it was killed.
  bool live(Chance& chance, FakeStore& kept, bool last) {
    FakeProcess process;
    // No process starts twice in one millisecond, and epochs rely on that when the store is lost.
    fake.clock.advance_wall(std::chrono::seconds(1));
    FakeStore own_store(kept, &process);
    Committer own_committer(own_store, std::chrono::milliseconds(1), fake.runtime);
    Pipeline own_pipeline(make_settings(&process), own_store, own_committer, fake.runtime);
    EXPECT_TRUE(own_pipeline.start());
    bool done = false;
    if (last) {
      done = eventually([&] { return complete(); });
      // With all rows delivered the source is told so, too.
      done = done && eventually([&] { return database->confirmed_now() == database->rows.size(); });
      EXPECT_TRUE(done) << describe(own_pipeline);
    } else {
      const auto enough = chance.below(2 * database->all_rows().size());
      const auto until = MonotonicTime::clock::now() + std::chrono::milliseconds(chance.below(15));
      eventually(
          [&] { return delivered_rows() >= enough || MonotonicTime::clock::now() >= until; });
    }
    if (chance.one_in(4)) {
      own_pipeline.stop(std::chrono::milliseconds(chance.below(5)));
    }
    process.kill();
    own_pipeline.stop(std::chrono::milliseconds(0));
    own_committer.stop();
    return done;
  }

  std::size_t delivered_rows() const {
    std::size_t total = 0;
    for (const auto& spoke : spokes) {
      total += spoke->destination.delivered().size();
    }
    return total;
  }

  std::string describe(const Pipeline& stuck) const {
    std::string text;
    const auto status = stuck.status();
    if (status.last_error) {
      text += status.last_error->to_text();
    }
    for (std::size_t i = 0; i < spokes.size(); ++i) {
      text += "\n" + status.lanes[i].name + " " + std::string(to_string(status.lanes[i].state));
      if (status.lanes[i].last_error) {
        text += " " + status.lanes[i].last_error->to_text();
      }
      for (const auto& row : spokes[i]->destination.delivered()) {
        text += " " + std::to_string(row.id);
      }
    }
    return text;
  }
};

TEST_F(Simulations, KilledAtRandomDeliverEveryRowOnce) {
  for (std::uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Chance chance(seed);
    spokes.clear();
    build(chance);
    auto kept = std::make_unique<FakeStore>();
    for (auto lives = chance.below(5); lives > 0; --lives) {
      live(chance, *kept, false);
      if (chance.one_in(6)) {
        kept = std::make_unique<FakeStore>();  // the state directory is lost with the machine
      }
    }
    database->commit_up_to(database->rows.size());
    live(chance, *kept, true);
    for (const auto& spoke : spokes) {
      EXPECT_FALSE(spoke->destination.went_back) << spoke->settings.name;
    }
  }
}

}  // namespace
}  // namespace rowtide::test
