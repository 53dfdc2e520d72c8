#pragma once

#include <string>
#include <string_view>

#include "engine/api/control.h"

namespace rowtide {

struct AdminRequest {
  std::string_view method;
  std::string_view path;  // percent-decoded, without the query
  std::string_view body;
};

struct AdminReply {
  int status = 200;
  std::string content_type;
  std::string body;
  // Set for a live tail of this pipeline, which has no body of its own.
  std::string tail_pipeline;
};

// Answers one request of the admin API. Knows neither sockets nor threads nor who asks. Thread safe
// as far as `control` is; may take as long as `control` does.
AdminReply answer(const AdminRequest& request, ControlPlane& control);

// An RFC 9457 problem document: {type,title,status,detail,code,remedy}.
AdminReply problem(const Error& error);
AdminReply problem(int status, const Error& error);

}  // namespace rowtide
