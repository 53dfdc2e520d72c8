#pragma once

#include <string>
#include <string_view>

namespace rowtide::mysql {

// Appends an IPv4 address (4 bytes) or an IPv6 address (16 bytes) as MariaDB prints it: "10.0.0.1",
// "fe80::1", "::ffff:1.2.3.4". The longest run of zero groups is left out, the first of equal ones,
// also where it is a single group.
void append_internet_address(std::string_view address, std::string& out);

}  // namespace rowtide::mysql
