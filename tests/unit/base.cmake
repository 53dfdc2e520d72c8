rowtide_test(unit_base
  SRCS base_cursor.cc base_error.cc base_retry_policy.cc
  DEPS rowtide::pipeline)
