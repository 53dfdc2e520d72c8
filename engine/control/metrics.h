#pragma once

#include <span>
#include <string>

#include "engine/api/control.h"
#include "engine/control/process_figures.h"

namespace rowtide {

// The Prometheus text exposition format, version 0.0.4. Every family has HELP and TYPE and its
// samples follow one another, as the format demands; a value that a source does not know is left
// out instead of being 0. Base units, counters end in _total.
std::string prometheus_text(std::span<const PipelineStatus> pipelines,
                            const ProcessFigures& process);

inline constexpr const char* kPrometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace rowtide
