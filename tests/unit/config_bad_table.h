#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace rowtide::config {

// A configuration that must be refused with exactly this error.
struct BadConfig {
  std::string name;    // of the test, in CamelCase
  std::string text;    // the file
  std::string error;   // the message without "bad.yaml:" in front: LINE:COLUMN: PATH: what
  std::string remedy;  // a part of the remedy that holds the actual advice
};

// How the test framework names a case.
inline void PrintTo(const BadConfig& bad, std::ostream* out) {
  *out << bad.name;
}

std::vector<BadConfig> bad_configs();

}  // namespace rowtide::config
