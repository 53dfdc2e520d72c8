#pragma once

#include <string_view>

#include "engine/api/backfill.h"
#include "engine/api/control.h"
#include "engine/control/admin_reply.h"

namespace rowtide {

// The part of the admin API that is about backfills.

// GET /api/v1/backfills, where ?pipeline=NAME leaves out those of other pipelines.
Result<AdminReply> list_backfills(const AdminRequest& request, const ControlPlane& control,
                                  const BackfillControl& backfills);

// POST /api/v1/pipelines/{name}/backfills
Result<AdminReply> start_backfill(const AdminRequest& request, std::string_view pipeline,
                                  BackfillControl& backfills);

// Everything below /api/v1/backfills/; `rest` is what follows that: "{id}" or "{id}/{action}".
Result<AdminReply> backfill_resource(const AdminRequest& request, std::string_view rest,
                                     BackfillControl& backfills);

}  // namespace rowtide
