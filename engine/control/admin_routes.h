#pragma once

#include <string_view>

#include "engine/api/backfill.h"
#include "engine/api/control.h"
#include "engine/api/reload.h"
#include "engine/control/admin_reply.h"

namespace rowtide {

// Answers one request of the admin API. Knows neither sockets nor threads nor who asks. Thread safe
// as far as what it asks is; may take as long as that does.
AdminReply answer(const AdminRequest& request, ControlPlane& control, BackfillControl& backfills,
                  ConfigControl& config);

// Code::kNotFound with the known names as remedy when there is none of this name.
Result<PipelineStatus> find_pipeline(std::string_view name, const ControlPlane& control);

}  // namespace rowtide
