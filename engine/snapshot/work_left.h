#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/api/backfill.h"
#include "engine/api/chunk_reader.h"
#include "engine/base/error.h"

namespace rowtide {

// What backfills still have to put into the stream behind one place of it, for which sinks. It
// travels in the resume token of that place, so whoever stores the token - a sink's marker, the
// state store - stores both in one write, and whoever goes on from the token goes on with both.

// Which sinks were not told yet that something begins, and which were told that it has ended: the
// messages of backfill_event.h, which come once to each. Those in neither were told the first only.
struct Told {
  std::vector<std::string> unstarted;
  std::vector<std::string> finished;

  friend bool operator==(const Told&, const Told&) = default;
};

// Of one table: the rows behind `after`, up to and with `up_to`; or, if there are any, those with
// `keys`.
struct PartLeft {
  std::optional<ScanKey> after;
  std::optional<ScanKey> up_to;
  std::vector<std::string> sinks;
  std::vector<ScanKey> keys = {};

  friend bool operator==(const PartLeft&, const PartLeft&) = default;
};

struct TableLeft {
  std::string name;
  std::uint64_t rows_delivered = 0;
  std::vector<PartLeft> parts;  // empty = nothing is left
  Told told = {};

  friend bool operator==(const TableLeft&, const TableLeft&) = default;
};

struct BackfillLeft {
  std::string id;
  // Carried along, so that a machine without the state store can go on.
  BackfillSpec spec;
  bool initial = false;
  // As in BackfillRecord.
  std::optional<std::vector<std::string>> captured_before = std::nullopt;
  std::vector<std::string> sinks;
  std::int64_t created_at_us = 0;
  std::uint64_t rows_delivered = 0;
  // Every row was handed out; stays until every sink has them.
  bool done = false;
  // Tables are begun in the order of their names: those named here or later are wholly left, those
  // before are done but for `tables`. Empty = all are left; nullopt = none.
  std::optional<std::string> untouched_from = "";
  std::vector<TableLeft> tables;
  Told told = {};
};

using WorkLeft = std::vector<BackfillLeft>;

// The suffix of a token; empty when nothing is left.
std::string token_suffix(const WorkLeft& work);
// A token's first part, which is the source's own, and the suffix. A source's token never holds
// the separator.
std::pair<std::string_view, std::string_view> split_token(std::string_view token);
// Code::kData when the suffix is not one that token_suffix() made.
Result<WorkLeft> parse_work_left(std::string_view suffix);

// What `sink` still has to get of `table`, as a work list of its lane says.
//   nullopt: all of it; empty: nothing.
std::optional<std::vector<PartLeft>> parts_left(const BackfillLeft& backfill,
                                                std::string_view table, std::string_view sink);

}  // namespace rowtide
