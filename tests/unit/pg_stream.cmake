if(ROWTIDE_WITH_POSTGRES)
  rowtide_test(unit_pg_stream
    SRCS pg_decode_wire.cc pg_stream_fixture.cc pg_stream_pacer.cc pg_stream_plain.cc
         pg_stream_prepared.cc pg_stream_resume.cc pg_stream_spill.cc pg_stream_streamed.cc
    DEPS rowtide::source_postgres rowtide::offsets)
endif()
