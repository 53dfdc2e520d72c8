#pragma once

#include <string>
#include <string_view>

#include "engine/base/cursor.h"

namespace rowtide::postgres {

// Text forms of single values in the server's binary (send) format. Each reads one whole value from
// `in` and appends it to `out`; the caller checks that `in` is ok and used up. False = bytes that
// no value of the type has.

// Int16 digit count, weight, sign and dscale, then base-10000 digits.
bool append_numeric_form(Cursor& in, std::string& out);
// Int64 microseconds, Int32 days, Int32 months; IntervalStyle postgres.
bool append_interval_form(Cursor& in, std::string& out);
// Int64 microseconds since midnight, Int32 seconds west of Greenwich.
bool append_timetz_form(Cursor& in, std::string& out);
// Int32 bit count, then bits from the highest down.
bool append_bits_form(Cursor& in, std::string& out);
// inet and cidr: address family, prefix length, cidr flag, address length, address.
bool append_network_form(Cursor& in, std::string& out);
// All remaining bytes, as "08:00:2b:01:02:03".
bool append_mac_form(Cursor& in, std::string& out);
// Int32 block, Int16 offset.
bool append_tid_form(Cursor& in, std::string& out);
bool append_lsn_form(Cursor& in, std::string& out);

bool append_point_form(Cursor& in, std::string& out);
bool append_lseg_form(Cursor& in, std::string& out);
bool append_box_form(Cursor& in, std::string& out);
bool append_path_form(Cursor& in, std::string& out);
bool append_polygon_form(Cursor& in, std::string& out);
bool append_line_form(Cursor& in, std::string& out);
bool append_circle_form(Cursor& in, std::string& out);

}  // namespace rowtide::postgres
