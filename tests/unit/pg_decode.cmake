rowtide_test(model_text_forms_test SRCS model_text_forms.cc DEPS rowtide::model)
if(ROWTIDE_WITH_POSTGRES)
  rowtide_test(unit_pg_decode
    SRCS
      pg_decode_catalog.cc
      pg_decode_messages.cc
      pg_decode_rows.cc
      pg_decode_text.cc
      pg_decode_wire.cc
    DEPS rowtide::source_postgres)
endif()
