#include "tools/rowtide/backfill_view.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <ostream>
#include <vector>

#include "tools/rowtide/answer_fields.h"

namespace rowtide {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kBarCells = 20;
constexpr std::size_t kTablesInALine = 3;

Colour colour_of(const std::string& state) {
  if (state == "running" || state == "finished") {
    return Colour::kGreen;
  }
  return state == "failed" ? Colour::kRed : Colour::kYellow;
}

// A figure that is not negative and not too large for people; nullopt for everything else.
std::optional<double> figure(const Json& value) {
  if (!value.is_number()) {
    return std::nullopt;
  }
  const double number = value.get<double>();
  return number >= 0 && number < 1e18 ? std::optional(number) : std::nullopt;
}

std::string percent(const Json& backfill) {
  const auto share = figure(member(backfill, "progress"));
  return share ? std::to_string(static_cast<int>(std::floor(std::min(*share, 1.0) * 100))) + "%"
               : std::string{};
}

std::string rows_per_second(const Json& backfill) {
  const auto rate = figure(member(backfill, "rows_per_second"));
  return rate && text(backfill, "state") == "running"
             ? format_count(static_cast<std::uint64_t>(std::llround(*rate)))
             : std::string{};
}

std::string remaining(const Json& backfill) {
  const auto left = figure(member(backfill, "remaining_seconds"));
  return left ? format_seconds(*left) : std::string{};
}

// Empty where nothing was estimated.
std::string estimate(const Json& owner) {
  const auto rows = count(owner, "estimated_rows");
  return rows == "0" ? std::string{} : rows;
}

// What a backfill that has not failed waits for; a failed one has it as its error.
std::string state_text(const Json& backfill) {
  const std::string state = text(backfill, "state");
  const std::string why = text(member(backfill, "last_error"), "message");
  return why.empty() || state == "failed" ? state : state + " (" + why + ")";
}

std::string rows_text(const Json& backfill) {
  const std::string done = count(backfill, "rows_delivered");
  const std::string expected = estimate(backfill);
  const bool is_final = text(backfill, "state") == "finished";
  if (done.empty()) {
    return {};
  }
  return done + (expected.empty() || is_final ? "" : " of about " + expected) + " rows";
}

void append_part(std::string& out, const std::string& part) {
  if (!part.empty()) {
    out.append(out.empty() ? "" : ", ").append(part);
  }
}

std::string figures_text(const Json& backfill) {
  std::string out;
  append_part(out, percent(backfill));
  append_part(out, rows_text(backfill));
  if (const auto rate = rows_per_second(backfill); !rate.empty()) {
    append_part(out, rate + " rows/s");
  }
  if (const auto left = remaining(backfill); !left.empty()) {
    append_part(out, "ETA " + left);
  }
  return out;
}

std::string table_state(const Json& table) {
  if (is_true(table, "finished")) {
    return "finished";
  }
  return is_true(table, "started") ? "running" : "waiting";
}

void add_fact(Table& table, const char* name, const std::string& value,
              Colour colour = Colour::kNone) {
  if (!value.empty()) {
    table.row({{name, Colour::kDim}, {value, colour}});
  }
}

Table facts_of(const Json& backfill, bool terminal) {
  const Json& spec = member(backfill, "spec");
  const std::string figures = figures_text(backfill);
  const std::string bar = terminal ? progress_bar(member(backfill, "progress")) + " " : "";
  const std::string columns = joined(spec, "columns", SIZE_MAX);
  const std::string where = text(spec, "where");
  const std::string outdated = count(backfill, "rows_outdated");
  const std::string chunks = count(backfill, "chunks_read");
  Table facts;
  add_fact(facts, "backfill", text(backfill, "id"), Colour::kBold);
  add_fact(facts, "pipeline", text(backfill, "pipeline"));
  add_fact(facts, "state", state_text(backfill), colour_of(text(backfill, "state")));
  add_fact(facts, "progress", bar + figures);
  add_fact(facts, "tables", joined(spec, "tables", SIZE_MAX));
  add_fact(facts, "where", where.empty() ? "every row" : where);
  add_fact(facts, "columns", columns.empty() ? "all" : columns);
  if (is_true(spec, "replace")) {
    add_fact(facts, "replace", "mirrors are made anew beside the ones in use and take their place");
  }
  if (!outdated.empty() && outdated != "0") {
    add_fact(facts, "left out", outdated + " rows of which the stream had something newer");
  }
  if (!chunks.empty()) {
    add_fact(facts, "chunks",
             chunks + " read, " + count(backfill, "chunks_discarded") +
                 " of them discarded to be read again");
  }
  add_fact(facts, "created", text(backfill, "created_at"));
  add_fact(facts, "ended", text(backfill, "ended_at"));
  if (text(backfill, "state") == "failed") {
    add_error(facts, backfill, "");
  }
  return facts;
}

Table tables_of(const Json& backfill) {
  Table table;
  table.row({{"TABLE", Colour::kDim},
             {"STATE", Colour::kDim},
             {"METHOD", Colour::kDim},
             {"ROWS", Colour::kDim, true},
             {"ESTIMATED", Colour::kDim, true},
             {"REASON", Colour::kDim}});
  for (const Json& entry : member(backfill, "tables")) {
    const std::string state = table_state(entry);
    table.row({{text(entry, "name"), Colour::kBold},
               {state, colour_of(state)},
               {text(entry, "method")},
               {count(entry, "rows_delivered"), Colour::kNone, true},
               {estimate(entry), Colour::kNone, true},
               {text(entry, "reason")}});
  }
  return table;
}

// What it is of; a snapshot names no tables and means all.
std::string tables_text(const Json& backfill) {
  const std::string names = joined(member(backfill, "spec"), "tables", kTablesInALine);
  return names.empty() ? "every table" : names;
}

}  // namespace

void print_backfills(const Json& answer, std::ostream& out, bool colours) {
  const Json& backfills = member(answer, "backfills");
  if (backfills.empty()) {
    out << "There are no backfills.\n";
    return;
  }
  Table table;
  table.row({{"ID", Colour::kDim},
             {"PIPELINE", Colour::kDim},
             {"STATE", Colour::kDim},
             {"DONE", Colour::kDim, true},
             {"ROWS", Colour::kDim, true},
             {"ESTIMATED", Colour::kDim, true},
             {"ROWS/S", Colour::kDim, true},
             {"ETA", Colour::kDim, true},
             {"CREATED", Colour::kDim},
             {"TABLES", Colour::kDim}});
  for (const Json& backfill : backfills) {
    const std::string state = text(backfill, "state");
    table.row({{text(backfill, "id"), Colour::kBold},
               {text(backfill, "pipeline")},
               {state, colour_of(state)},
               {percent(backfill), Colour::kNone, true},
               {count(backfill, "rows_delivered"), Colour::kNone, true},
               {estimate(backfill), Colour::kNone, true},
               {rows_per_second(backfill), Colour::kNone, true},
               {remaining(backfill), Colour::kNone, true},
               {text(backfill, "created_at")},
               {tables_text(backfill)}});
    const std::string why = text(member(backfill, "last_error"), "message");
    if (state == "failed") {
      add_error(table, backfill, "  ");
    } else if (!why.empty()) {
      table.line("  " + why, Colour::kYellow);
    }
  }
  table.print(out, colours);
}

void print_backfill(const Json& backfill, std::ostream& out, bool terminal) {
  facts_of(backfill, terminal).print(out, terminal);
  out << '\n';
  if (member(backfill, "tables").empty()) {
    out << "No table was looked at yet.\n";
    return;
  }
  tables_of(backfill).print(out, terminal);
}

void add_backfill(Table& table, const Json& backfill, const std::string& indent) {
  const std::string state = text(backfill, "state");
  if (state.empty() || state == "finished" || state == "cancelled") {
    return;
  }
  table.line(indent + "backfill " + text(backfill, "id") + " of " + tables_text(backfill) + ": " +
                 progress_text(backfill),
             state == "running" ? Colour::kCyan : colour_of(state));
  if (state == "failed") {
    add_error(table, backfill, indent + "  ");
  }
}

std::string progress_text(const Json& backfill) {
  std::string out = state_text(backfill);
  append_part(out, figures_text(backfill));
  return out;
}

std::string progress_bar(const Json& share) {
  const double filled = std::min(figure(share).value_or(0), 1.0) * static_cast<double>(kBarCells);
  const auto cells = static_cast<std::size_t>(std::floor(filled));
  return "[" + std::string(cells, '#') + std::string(kBarCells - cells, '-') + "]";
}

bool is_over(const Json& backfill) {
  const std::string state = text(backfill, "state");
  return state == "finished" || state == "cancelled" || state == "failed";
}

}  // namespace rowtide
