if(ROWTIDE_WITH_MYSQL)
  rowtide_test(unit_mysql_stream
    SRCS mysql_events_wire.cc mysql_stream_fixture.cc mysql_stream_position.cc
         mysql_stream_resume.cc mysql_stream_rows.cc mysql_stream_statements.cc mysql_stream_xa.cc
    DEPS rowtide::source_mysql rowtide::offsets PkgConfig::LIBZSTD)
endif()
