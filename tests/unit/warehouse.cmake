rowtide_test(unit_warehouse
  SRCS warehouse_collapse.cc warehouse_parts.cc warehouse_random.cc
  DEPS rowtide::sink_warehouse rowtide::test_support)

if(ROWTIDE_WITH_DUCKDB AND ROWTIDE_WITH_POSTGRES)
  rowtide_test(unit_warehouse_sinks
    SRCS warehouse_backfill.cc warehouse_delivery.cc warehouse_duckdb.cc warehouse_fixture.cc
         warehouse_postgres.cc warehouse_random.cc warehouse_replace.cc warehouse_shapes.cc
    DEPS rowtide::sink_duckdb rowtide::sink_postgres duckdb_shared rowtide::test_support
         rowtide::test_postgres_server
    TIMEOUT 300)
endif()
