if(ROWTIDE_WITH_POSTGRES)
  rowtide_test(unit_pg_backfill
    SRCS pg_backfill_delivered.cc pg_backfill_scan.cc
    DEPS rowtide::source_postgres)
  rowtide_test(unit_pg_backfill_server
    SRCS pg_backfill_barrier.cc pg_backfill_chunks.cc pg_backfill_fixture.cc pg_backfill_load.cc
         pg_backfill_schema.cc pg_backfill_standby.cc
    DEPS rowtide::source_postgres rowtide::offsets rowtide::test_postgres_server
    TIMEOUT 180)
endif()
