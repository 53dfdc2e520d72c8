rowtide_test(unit_offsets
  SRCS offsets_records.cc offsets_spill.cc offsets_store.cc offsets_store_disk.cc
  DEPS rowtide::offsets rowtide::test_support
  TIMEOUT 120)
