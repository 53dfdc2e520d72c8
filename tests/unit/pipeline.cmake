rowtide_test(unit_pipeline_parts
  SRCS pipeline_change_log.cc pipeline_committer.cc pipeline_fakes.cc pipeline_lane.cc
       pipeline_lane_recovery.cc pipeline_reader.cc
  DEPS rowtide::pipeline rowtide::offsets rowtide::test_support
  TIMEOUT 120)
rowtide_test(unit_pipeline
  SRCS pipeline_acknowledge.cc pipeline_fakes.cc pipeline_simulation.cc pipeline_whole.cc
  DEPS rowtide::pipeline rowtide::offsets rowtide::test_support
  TIMEOUT 300)
