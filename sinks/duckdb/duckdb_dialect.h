#pragma once

#include <cstdint>
#include <string_view>

#include "sinks/duckdb/duckdb_config.h"
#include "sinks/warehouse/sql_backend.h"

namespace rowtide::duckdb {

// The name under which the database file is attached.
inline constexpr std::string_view kCatalog = "rowtide_file";
// The rows that are compressed together, which have to be at hand uncompressed and are written anew
// when one of them changes. A quarter of DuckDB's default: blocks of 16 KiB are filled all the
// same.
inline constexpr std::uint64_t kRowGroupRows = 30720;

class DuckdbDialect final : public warehouse::Dialect {
 public:
  explicit DuckdbDialect(DuckdbConfig::Decimals decimals);

  const Traits& traits() const override { return traits_; }
  std::string column_type(const Column& column) const override;
  std::string folded(std::string_view name) const override;
  Result<void> check_name(std::string_view what, std::string_view name) const override;
  warehouse::CatalogQueries catalog_queries(std::string_view schema,
                                            std::string_view table) const override;

 private:
  const DuckdbConfig::Decimals decimals_;
  Traits traits_;
};

}  // namespace rowtide::duckdb
