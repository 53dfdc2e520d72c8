#pragma once

#include <string_view>

#include "engine/base/error.h"

namespace rowtide::mysql {

// What the server or the client library said, as an Error: code, disposition and what the operator
// does next. The only place that judges error numbers, for SQL sessions and for the dump of the
// binary log alike; 1236 comes with every problem of a dump and is judged by its words. `number` is
// a server error (1045, ..) or a client error (2003, ..); `text` the message that came with it.
Error server_error(unsigned number, std::string_view text);

// A dump ended by an EOF packet. A blocking dump never finishes: the server shuts down, or somebody
// killed the connection.
Error dump_ended_error();
// An event that could be read and is not: nobody knows how large the row in it is.
Error event_too_large(std::size_t size_bytes, std::size_t limit_bytes);

}  // namespace rowtide::mysql
