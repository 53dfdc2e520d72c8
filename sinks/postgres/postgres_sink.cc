#include "sinks/postgres/postgres_sink.h"

#include <memory>

#include "sinks/postgres/postgres_backend.h"
#include "sinks/postgres/postgres_dialect.h"
#include "sinks/postgres/postgres_query.h"
#include "sinks/warehouse/warehouse_sink.h"

namespace rowtide::postgres {
namespace {

class PostgresSink final : public Sink, public Queryable {
 public:
  PostgresSink(const PostgresSinkConfig& config, const Runtime& runtime)
      : config_(config),
        inner_("postgres", config.settings, std::make_unique<PostgresBackend>(config),
               std::make_unique<PostgresDialect>(), runtime) {}

  Guarantee guarantee() const noexcept override { return inner_.guarantee(); }
  Result<std::optional<ResumePoint>> open(const LaneContext& context) override {
    return inner_.open(context);
  }
  Result<void> submit(BatchPtr batch, Deadline until) override {
    return inner_.submit(std::move(batch), until);
  }
  Result<DurableReport> poll_durable(Deadline until) override { return inner_.poll_durable(until); }
  Result<void> flush(Deadline until) override { return inner_.flush(until); }
  void close() noexcept override { inner_.close(); }

  Result<void> query(std::string_view sql, QueryOutput& out) override {
    return run_read_only(config_, sql, out);
  }

 private:
  const PostgresSinkConfig config_;
  warehouse::WarehouseSink inner_;
};

}  // namespace

Result<SinkHandle> make_postgres_sink(const PostgresSinkConfig& config, const Runtime& runtime) {
  ROWTIDE_TRY(config.validate());
  auto sink = std::make_unique<PostgresSink>(config, runtime);
  Queryable* queryable = sink.get();
  return SinkHandle{std::move(sink), queryable};
}

}  // namespace rowtide::postgres
