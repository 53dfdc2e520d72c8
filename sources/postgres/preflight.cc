#include "sources/postgres/preflight.h"

#include <utility>

#include "sources/postgres/preflight_parts.h"
#include "sources/postgres/table_patterns.h"

namespace rowtide::postgres {
namespace {

// Takes the value out of `result`, or turns its error into a finding and returns false.
template <class T>
bool take(Result<T> result, T& out, std::string_view subject, Findings& findings) {
  if (result) {
    out = std::move(*result);
    return true;
  }
  Error error = std::move(result).error();
  add_error(findings, std::string(subject), std::move(error.message), std::move(error.remedy));
  return false;
}

}  // namespace

Findings preflight(PGconn* connection, const PostgresSourceConfig& config, const Names& names) {
  Findings unanswered;
  PreflightState state;
  if (!take(load_server(connection), state.server, "server", unanswered) ||
      !take(TablePatterns::parse(config.tables), state.patterns, "tables", unanswered)) {
    return unanswered;
  }
  Findings findings;
  if (state.server.major() < kOldestMajor) {
    judge_server(state, config, names, findings);
    return findings;
  }
  const bool slot_known =
      take(load_slot(connection, names.slot), state.slot, "slot " + names.slot, unanswered);
  bool tables_known = take(load_tables(connection), state.all_tables, "tables", unanswered);
  if (tables_known) {
    const std::string subject = "publication " + names.publication;
    state.selected = select_tables(state.all_tables, state.patterns);
    tables_known = take(load_publication(connection, names.publication), state.publication, subject,
                        unanswered) &&
                   take(load_publication_tables(connection, names.publication),
                        state.publication_tables, subject, unanswered) &&
                   take(not_covered(connection, names.publication, state.selected), state.uncovered,
                        subject, unanswered);
  }
  judge_server(state, config, names, findings);
  if (tables_known) {
    judge_tables(state, config, names, findings);
    judge_publication(state, config, names, findings);
  }
  if (slot_known) {
    judge_slot(state, config, names, findings);
  }
  judge_backfill_url(config, findings);
  findings.insert(findings.end(), unanswered.begin(), unanswered.end());
  return findings;
}

}  // namespace rowtide::postgres
