if(ROWTIDE_WITH_MYSQL)
  rowtide_test(unit_mysql_sql
    SRCS mysql_sql_config.cc mysql_sql_errors.cc mysql_sql_packets.cc mysql_sql_preflight.cc
    DEPS rowtide::source_mysql)
  rowtide_test(unit_mysql_sql_server
    SRCS mysql_sql_binlog.cc mysql_sql_fixture.cc mysql_sql_server.cc mysql_sql_tls.cc
    DEPS rowtide::source_mysql rowtide::test_mysql_server
    TIMEOUT 400)
endif()
