#pragma once

#include <string_view>

#include "sources/postgres/value_decode.h"

namespace rowtide::postgres {

// What a session must be set to for its text forms to be those that are decoded here, whatever the
// defaults of the role and the database are.
inline constexpr std::string_view kTextFormSettings =
    "-c DateStyle=ISO -c IntervalStyle=postgres -c TimeZone=UTC -c extra_float_digits=3 "
    "-c bytea_output=hex";

// The decoder of the type's text form, as the server prints it with DateStyle ISO, IntervalStyle
// postgres, bytea_output hex and client_encoding UTF8. Any TimeZone: offsets are applied.
// `type_oid` must not be a domain (see TypeCatalog::base_of). Types without a kind of their own,
// unknown ones included, become kLiteral, and so does a timestamp later than microseconds since
// 1970 can count (294247-01-10 on; PostgreSQL goes to the end of 294276).
CellDecoder text_decoder(const TypeCatalog& catalog, std::uint32_t type_oid);

}  // namespace rowtide::postgres
