if(ROWTIDE_WITH_MYSQL)
  rowtide_test(unit_mysql_backfill
    SRCS mysql_backfill_barrier.cc mysql_backfill_chunks.cc mysql_backfill_fixture.cc
         mysql_backfill_keys.cc mysql_backfill_types.cc
    DEPS rowtide::source_mysql rowtide::offsets rowtide::test_mysql_server
    TIMEOUT 240)
endif()
