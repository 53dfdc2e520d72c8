if(ROWTIDE_WITH_MYSQL)
  rowtide_test(unit_mysql_events
    SRCS mysql_events_framer.cc mysql_events_gtid.cc mysql_events_messages.cc
         mysql_events_payload.cc mysql_events_statement.cc mysql_events_wire.cc
    DEPS rowtide::source_mysql PkgConfig::LIBZSTD PkgConfig::ZLIB)
endif()
