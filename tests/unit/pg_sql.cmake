if(ROWTIDE_WITH_POSTGRES)
  rowtide_test(unit_pg_sql
    SRCS pg_sql_config.cc pg_sql_preflight.cc pg_sql_timeline.cc
    DEPS rowtide::source_postgres)
  rowtide_test(unit_pg_sql_server
    SRCS pg_sql_server.cc
    DEPS rowtide::source_postgres rowtide::test_postgres_server
    TIMEOUT 180)
endif()
