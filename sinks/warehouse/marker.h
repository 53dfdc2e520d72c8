#pragma once

#include <optional>
#include <string>

#include "engine/api/sink.h"
#include "engine/model/position.h"
#include "sinks/warehouse/sql_backend.h"

namespace rowtide::warehouse {

// The lane's row in rowtide.markers of the destination: what is durable there, for which epoch.
class Marker {
 public:
  Marker(SqlBackend& backend, const Dialect& dialect) : backend_(backend), dialect_(dialect) {}

  // Makes the table if it is missing, takes the lane's row over for its epoch and returns the
  // position that it holds, in a transaction of its own. Code::kFenced when a newer epoch has it.
  Result<std::optional<ResumePoint>> take_over(const LaneContext& context);

  // Moves the row, inside the open transaction. Code::kFenced when the row went to a newer epoch or
  // is at or beyond `point`.
  Result<void> advance(const ResumePoint& point);

 private:
  Result<void> make_table();
  Result<std::optional<ResumePoint>> take_row();

  SqlBackend& backend_;
  const Dialect& dialect_;
  LaneContext context_;
};

}  // namespace rowtide::warehouse
