#include "engine/snapshot/backfill_event.h"

#include <nlohmann/json.hpp>

namespace rowtide {
namespace {

std::string_view name_of(BackfillEvent event) {
  switch (event) {
    case BackfillEvent::kStarted:
      return "started";
    case BackfillEvent::kChunk:
      return "chunk";
    case BackfillEvent::kFinished:
      return "finished";
    case BackfillEvent::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

}  // namespace

std::string backfill_event_text(std::string_view backfill, BackfillEvent event,
                                std::string_view table, std::uint64_t rows, bool replace) {
  nlohmann::ordered_json content;
  content["backfill"] = backfill;
  content["event"] = name_of(event);
  if (!table.empty()) {
    content["table"] = table;
  }
  content["rows"] = rows;
  if (replace) {
    content["replace"] = true;
  }
  return content.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace rowtide
