#include "sinks/duckdb/duckdb_config.h"

namespace rowtide::duckdb {

void describe(config::ObjectSpec& spec, DuckdbConfig& config) {
  spec.text("path", config.path, "the database file; made when it is missing").required();
  warehouse::describe(spec, config.settings);
  spec.choice("lock", config.lock,
              {{"flush", DuckdbConfig::Lock::kFlush}, {"hold", DuckdbConfig::Lock::kHold}},
              "flush opens the file for each commit, so that other programs can open it in "
              "between; hold keeps it open");
  spec.choice(
      "decimals", config.decimals,
      {{"native", DuckdbConfig::Decimals::kNative}, {"text", DuckdbConfig::Decimals::kText}},
      "native stores decimals with declared limits as DECIMAL, which has no NaN; text "
      "stores all of them as VARCHAR");
  spec.size_bytes("memory_limit", config.memory_limit_bytes, std::uint64_t{64} << 20,
                  std::uint64_t{1} << 44, "memory that DuckDB may use before it writes to disk");
  spec.integer("threads", config.threads, 1, 1024, "threads that DuckDB may use");
}

Result<void> DuckdbConfig::validate() const {
  if (path.empty() || path == ":memory:" || path.find('\0') != std::string::npos) {
    return fail(operator_error(Code::kConfig, "path is not the name of a file",
                               "Set path to a file such as /data/shop.duckdb"));
  }
  return {};
}

}  // namespace rowtide::duckdb
