#pragma once

#include <string>
#include <string_view>

#include "engine/api/finding.h"
#include "sources/mysql/mysql_config.h"
#include "sources/mysql/sql_session.h"

namespace rowtide::mysql {

// Looks at everything that a stream needs before it runs and changes nothing. One finding per thing
// looked at; what is in order is reported as such. A question that the server would not answer is a
// finding too, so that one missing grant does not hide the rest. `session` is one to the captured
// server, as the user that will stream; a dump connection is tried beside it.
Findings preflight(SqlSession& session, const MysqlSourceConfig& config, std::string_view pipeline);

}  // namespace rowtide::mysql
