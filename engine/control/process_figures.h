#pragma once

#include <cstdint>
#include <string>

namespace rowtide {

// What the process says about itself, beside its pipelines.
struct ProcessFigures {
  std::string version;
  std::uint64_t resident_bytes = 0;
  double cpu_seconds = 0;  // user and system, all threads, since the start
};

// Reads the figures of this process. A figure that the system does not give is 0.
ProcessFigures read_process_figures();

}  // namespace rowtide
