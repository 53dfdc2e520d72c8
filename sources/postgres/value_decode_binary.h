#pragma once

#include <string>

#include "sources/postgres/value_decode.h"

namespace rowtide::postgres {

// True when every value of the type, elements and attributes included, can be decoded from the
// server's binary form. Otherwise the text form has to be asked for.
bool binary_supported(const TypeCatalog& catalog, std::uint32_t type_oid);

// The decoder of the type's binary (send) form. It yields exactly what text_decoder() yields for
// the same value. `type_oid` must not be a domain. For a type that is not binary_supported() the
// decoder refuses every cell.
CellDecoder binary_decoder(const TypeCatalog& catalog, std::uint32_t type_oid);

// Appends the text form of a binary value, as the server prints it with the settings named at
// text_decoder() and TimeZone UTC. False = the bytes are not a value of the type; `out` may then
// hold a part of it.
bool append_text_form(const TypeCatalog& catalog, std::uint32_t type_oid, std::string_view cell,
                      std::string& out);

}  // namespace rowtide::postgres
