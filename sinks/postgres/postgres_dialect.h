#pragma once

#include "sinks/warehouse/sql_backend.h"

namespace rowtide::postgres {

class PostgresDialect final : public warehouse::Dialect {
 public:
  PostgresDialect();

  const Traits& traits() const override { return traits_; }
  std::string column_type(const Column& column) const override;
  std::string folded(std::string_view name) const override { return std::string(name); }
  Result<void> check_name(std::string_view what, std::string_view name) const override;
  warehouse::CatalogQueries catalog_queries(std::string_view schema,
                                            std::string_view table) const override;

 private:
  Traits traits_;
};

}  // namespace rowtide::postgres
