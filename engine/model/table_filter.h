#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/error.h"

namespace rowtide {

// Schema and table.
using TableName = std::pair<std::string, std::string>;

// The pattern that names this table and no other.
std::string exact_pattern(const TableName& name);

// Which tables of a source are wanted, as a list of patterns SCHEMA.TABLE:
//
//   public.*          every table of the schema public
//   shop.order_?      * stands for any characters, ? for exactly one
//   !public.audit     a leading ! takes the tables away again
//   "Weird.Name".*    in double quotes every character stands for itself, also * ? and the dot; a
//                     quote inside is doubled
//
// The last pattern that fits a table decides. An empty list wants every table, and so does a list
// of exclusions for all that it does not exclude; any other list wants nothing but what it names.
// Case counts. Immutable after parse; safe to read from any thread.
class TableFilter {
 public:
  // Wants every table.
  TableFilter() = default;

  // Errors (Code::kConfig) name the pattern and say how to write it.
  static Result<TableFilter> parse(std::span<const std::string> patterns);

  bool matches(std::string_view schema, std::string_view table) const;
  // True when it was made from no pattern at all.
  bool matches_everything() const noexcept { return patterns_.empty(); }

 private:
  struct Part {
    std::string text;
    bool literal = false;  // quoted: no wildcards

    bool matches(std::string_view name) const;
  };
  struct Pattern {
    bool exclude = false;
    Part schema;
    Part table;
  };

  // Reads one name of the pattern `whole` from the start of `rest` and leaves what follows it.
  static Result<Part> take_part(const std::string& whole, std::string_view& rest);
  static Result<Pattern> parse_pattern(const std::string& text);

  std::vector<Pattern> patterns_;
  // What a table gets that no pattern fits.
  bool otherwise_ = true;
};

}  // namespace rowtide
