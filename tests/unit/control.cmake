rowtide_test(control_test
  SRCS
    control_fake_plane.cc
    control_address.cc
    control_backfill_routes.cc
    control_backfill_tool.cc
    control_backfill_views.cc
    control_metrics.cc
    control_reload.cc
    control_server.cc
    control_status_json.cc
    control_tail.cc
    control_tool.cc
    control_tool_views.cc
  DEPS rowtide::control rowtide::tool)
