#include "tools/rowtide/status_view.h"

#include <ostream>
#include <string>
#include <vector>

#include "tools/rowtide/answer_fields.h"
#include "tools/rowtide/backfill_view.h"
#include "tools/rowtide/terminal.h"

namespace rowtide {
namespace {

using Json = nlohmann::ordered_json;

std::string lag(const Json& json) {
  std::string out = bytes(json, "lag_bytes");
  if (const Json& value = member(json, "lag_seconds"); value.is_number()) {
    out.append(out.empty() ? "" : ", ").append(format_seconds(value.get<double>()));
  }
  return out;
}

Colour colour_of(const std::string& state) {
  if (state == "running" || state == "finished") {
    return Colour::kGreen;
  }
  return state == "stopped" ? Colour::kRed : Colour::kYellow;
}

void add_pipeline(Table& table, const Json& pipeline) {
  const Json& source = member(pipeline, "source");
  const std::string state = text(pipeline, "state");
  table.row({{text(pipeline, "name"), Colour::kBold},
             {state, colour_of(state)},
             {text(source, "type")},
             {text(source, "position")},
             {lag(source)},
             {count(source, "events_read"), Colour::kNone, true},
             {bytes(source, "bytes_read"), Colour::kNone, true}});
  add_error(table, pipeline, "  ");
  if (const Json& connected = member(source, "connected");
      connected.is_boolean() && !connected.get<bool>() && state == "running") {
    table.line("  the source is not connected", Colour::kYellow);
  }
  for (const Json& notice : member(source, "notices")) {
    if (notice.is_string()) {
      table.line("  notice: " + notice.get<std::string>(), Colour::kDim);
    }
  }
  for (const Json& sink : member(pipeline, "sinks")) {
    const std::string sink_state = text(sink, "state");
    table.row({{"  " + text(sink, "name")},
               {sink_state, colour_of(sink_state)},
               {text(sink, "type")},
               {text(sink, "position")},
               {lag(sink)},
               {count(sink, "rows_delivered"), Colour::kNone, true},
               {bytes(sink, "bytes_delivered"), Colour::kNone, true}});
    add_error(table, sink, "    ");
  }
  for (const Json& backfill : member(pipeline, "backfills")) {
    add_backfill(table, backfill, "  ");
  }
}

}  // namespace

void print_status(const Json& status, std::ostream& out, bool colours) {
  const Json& pipelines = member(status, "pipelines");
  if (pipelines.empty()) {
    out << "The daemon runs no pipelines.\n";
    return;
  }
  Table table;
  table.row({{"PIPELINE", Colour::kDim},
             {"STATE", Colour::kDim},
             {"TYPE", Colour::kDim},
             {"POSITION", Colour::kDim},
             {"LAG", Colour::kDim},
             {"ROWS", Colour::kDim, true},
             {"BYTES", Colour::kDim, true}});
  for (const Json& pipeline : pipelines) {
    add_pipeline(table, pipeline);
  }
  table.print(out, colours);
}

void print_offsets(const Json& offsets, std::ostream& out, bool colours) {
  Table table;
  table.row({{"SINK", Colour::kDim}, {"POSITION", Colour::kDim}, {"TOKEN", Colour::kDim}});
  for (const Json& offset : member(offsets, "offsets")) {
    table.row({{text(offset, "sink")}, {text(offset, "position")}, {text(offset, "token")}});
  }
  table.print(out, colours);
}

void print_rows(const Json& answer, std::ostream& out, bool colours) {
  Table table;
  std::vector<Table::Cell> head;
  for (const Json& name : member(answer, "columns")) {
    head.push_back({name.is_string() ? name.get<std::string>() : "", Colour::kBold});
  }
  table.row(std::move(head));
  const Json& rows = member(answer, "rows");
  for (const Json& row : rows) {
    std::vector<Table::Cell> cells;
    for (const Json& cell : row) {
      cells.push_back(cell.is_string() ? Table::Cell{cell.get<std::string>()}
                                       : Table::Cell{"NULL", Colour::kDim});
    }
    table.row(std::move(cells));
  }
  table.line(format_count(rows.size()) + (rows.size() == 1 ? " row" : " rows"), Colour::kDim);
  if (const Json& truncated = member(answer, "truncated");
      truncated.is_boolean() && truncated.get<bool>()) {
    table.line("the answer is longer than the daemon sends; add a LIMIT", Colour::kYellow);
  }
  table.print(out, colours);
}

}  // namespace rowtide
