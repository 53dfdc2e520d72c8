#pragma once

#include <iosfwd>

#include "engine/api/finding.h"

namespace rowtide {

// Each finding with its mark and, indented, its fix; a count at the end.
void print_findings(const Findings& findings, std::ostream& out, bool colours);

// One JSON list of {"severity","subject","message","fix"}.
void print_findings_json(const Findings& findings, std::ostream& out);

bool has_error(const Findings& findings);

}  // namespace rowtide
