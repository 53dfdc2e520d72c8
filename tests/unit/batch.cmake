rowtide_test(unit_batch
  SRCS batch_builder.cc batch_filtered.cc batch_memory.cc batch_slice.cc
  DEPS rowtide::batch rowtide::test_support)
