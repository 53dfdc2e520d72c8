#pragma once

#include "engine/base/clock.h"
#include "engine/base/failpoints.h"
#include "engine/base/log.h"

namespace rowtide {

// What every running component is given: time, failpoints and a logger scoped to it. The referred
// objects belong to main (or to the test) and outlive every component.
struct Runtime {
  const Clock& clock;
  Failpoints& failpoints;
  Log log;

  Runtime scoped(std::string_view key, std::string_view value) const {
    return Runtime{clock, failpoints, log.scoped(key, value)};
  }
};

}  // namespace rowtide
