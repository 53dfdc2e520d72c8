#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "sources/postgres/type_catalog.h"

namespace rowtide::postgres {

// A recording of what a server sent. Lines are
//   # a comment
//   type OID SCHEMA NAME KIND ELEMENT TYPMOD ATTRIBUTES     a type for the catalog, '-' = none
//   HEX                                                      one pgoutput message
struct WireFile {
  TypeCatalog catalog;
  std::vector<std::string> messages;
};

// One cell of pg_binary_corpus.txt.
struct CorpusCell {
  std::uint32_t type_oid = 0;
  std::int32_t typmod = -1;
  // As the server's format_type() prints it.
  std::string declared_type;
  std::string binary;
  std::string text;
};

struct CellCorpus {
  TypeCatalog catalog;
  std::vector<CorpusCell> cells;
};

Result<WireFile> read_wire_file(const std::filesystem::path& path);
Result<CellCorpus> read_cell_corpus(const std::filesystem::path& path);
Result<std::string> read_text_file(const std::filesystem::path& path);
Result<std::string> from_hex(std::string_view hex);

}  // namespace rowtide::postgres
