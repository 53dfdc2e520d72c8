rowtide_test(unit_snapshot
  SRCS snapshot_captured.cc snapshot_events.cc snapshot_fakes.cc snapshot_fixture.cc
       snapshot_load.cc snapshot_plan.cc snapshot_runner.cc snapshot_runner_control.cc
       snapshot_runner_errors.cc snapshot_runner_restart.cc snapshot_stream_pace.cc
       snapshot_window.cc snapshot_work_left.cc
  DEPS rowtide::snapshot rowtide::offsets rowtide::test_support
  TIMEOUT 120)
