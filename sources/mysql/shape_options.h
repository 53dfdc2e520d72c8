#pragma once

#include "sources/mysql/mysql_config.h"
#include "sources/mysql/server_address.h"
#include "sources/mysql/table_shape.h"

namespace rowtide::mysql {

// How the tables of a server are read, alike from its log and by its queries.
inline ShapeCache::Options shape_options(const MysqlSourceConfig& config,
                                         const ServerVersion& server) {
  // The newest MySQL that was seen to write no sign of a YEAR.
  constexpr int kYearWithoutSign = 80015;
  ShapeCache::Options options;
  options.decode.zero_dates_as_null = config.zero_dates == ZeroDates::kNull;
  options.decode.replace_bad_text = config.bad_text == BadText::kReplace;
  options.is_mariadb = server.flavour == Flavour::kMariaDb;
  options.year_has_sign = options.is_mariadb || server.number > kYearWithoutSign;
  return options;
}

}  // namespace rowtide::mysql
