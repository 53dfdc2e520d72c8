#include "tools/rowtide/findings_view.h"

#include <algorithm>
#include <ostream>
#include <sstream>
#include <string>

#include "engine/control/status_json.h"
#include "tools/rowtide/terminal.h"

namespace rowtide {
namespace {

using Severity = Finding::Severity;

const char* name_of(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return "ok";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  return "error";
}

Colour colour_of(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return Colour::kGreen;
    case Severity::kWarning:
      return Colour::kYellow;
    case Severity::kError:
      return Colour::kRed;
  }
  return Colour::kRed;
}

std::string plural(std::ptrdiff_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::ptrdiff_t count_of(const Findings& findings, Severity severity) {
  return std::ranges::count(findings, severity, &Finding::severity);
}

}  // namespace

void print_findings(const Findings& findings, std::ostream& out, bool colours) {
  for (const auto& finding : findings) {
    const std::string mark = std::string("[") + name_of(finding.severity) + "]";
    out << paint(mark, colour_of(finding.severity), colours)
        << std::string(mark.size() < 10 ? 10 - mark.size() : 1, ' ')
        << paint(printable(finding.subject), Colour::kBold, colours) << ": "
        << printable(finding.message) << '\n';
    // The fix stands alone on its lines, so that it can be copied as it is.
    std::istringstream fix(finding.fix);
    for (std::string line; std::getline(fix, line);) {
      out << "            " << paint(printable(line), Colour::kCyan, colours) << '\n';
    }
  }
  out << plural(static_cast<std::ptrdiff_t>(findings.size()), "check") << ": "
      << plural(count_of(findings, Severity::kError), "error") << ", "
      << plural(count_of(findings, Severity::kWarning), "warning") << '\n';
}

void print_findings_json(const Findings& findings, std::ostream& out) {
  Json list = Json::array();
  for (const auto& finding : findings) {
    list.push_back(Json{{"severity", name_of(finding.severity)},
                        {"subject", finding.subject},
                        {"message", finding.message},
                        {"fix", finding.fix}});
  }
  out << dump_json(list) << '\n';
}

bool has_error(const Findings& findings) {
  return count_of(findings, Severity::kError) != 0;
}

}  // namespace rowtide
