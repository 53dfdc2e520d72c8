#include "sinks/warehouse/check.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sinks/warehouse/history.h"

namespace rowtide::warehouse {

Result<void> check_keyed(const TableSchema& schema, Mode mode) {
  if (mode == Mode::kHistory || (schema.key_is_unique && !schema.key_columns.empty())) {
    return {};
  }
  const auto name = schema.qualified_name();
  return fail(operator_error(
      Code::kSchema,
      fmt::format("table {} has no key that tells its rows apart, so no current state can be kept "
                  "of it",
                  name),
      fmt::format("Run ALTER TABLE {} ADD PRIMARY KEY (...) in the source, or ALTER TABLE {} "
                  "REPLICA IDENTITY USING INDEX with a unique index, or use mode: history, or "
                  "leave the table out with the sink's tables filter",
                  name, name)));
}

Findings check_table(const TableSchema& schema, Mode mode) {
  Findings findings;
  const std::string subject = "table " + schema.qualified_name();
  if (auto keyed = check_keyed(schema, mode); !keyed) {
    findings.push_back(
        {Finding::Severity::kError, subject, keyed.error().message, keyed.error().remedy});
  }
  for (const auto& column : schema.columns) {
    if (mode == Mode::kHistory &&
        std::ranges::find(kHistoryColumnNames, column.name) != kHistoryColumnNames.end()) {
      findings.push_back({Finding::Severity::kError, subject,
                          "column " + column.name +
                              " has the name of a column that mode history "
                              "adds",
                          "Rename the column in the source, or use mode: mirror"});
    }
  }
  return findings;
}

}  // namespace rowtide::warehouse
