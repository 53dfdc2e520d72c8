#include "sinks/duckdb/duckdb_sink.h"

#include <memory>

#include "sinks/duckdb/duckdb_backend.h"
#include "sinks/duckdb/duckdb_dialect.h"
#include "sinks/duckdb/duckdb_file.h"
#include "sinks/duckdb/duckdb_query.h"
#include "sinks/warehouse/warehouse_sink.h"

namespace rowtide::duckdb {
namespace {

class DuckdbSink final : public Sink, public Queryable {
 public:
  DuckdbSink(const DuckdbConfig& config, const Runtime& runtime)
      : file_(config),
        inner_("duckdb " + config.path, config.settings,
               std::make_unique<DuckdbBackend>(file_, config.lock, runtime.clock),
               std::make_unique<DuckdbDialect>(config.decimals), runtime) {}
  ~DuckdbSink() override { inner_.close(); }

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
    return run_query(file_, sql, out);
  }

 private:
  DuckdbFile file_;
  warehouse::WarehouseSink inner_;
};

}  // namespace

Result<SinkHandle> make_duckdb_sink(const DuckdbConfig& config, const Runtime& runtime) {
  ROWTIDE_TRY(config.validate());
  auto sink = std::make_unique<DuckdbSink>(config, runtime);
  Queryable* queryable = sink.get();
  return SinkHandle{std::move(sink), queryable};
}

}  // namespace rowtide::duckdb
