#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/control/status_json.h"

namespace rowtide {

struct AdminRequest {
  std::string_view method;
  std::string_view path;  // percent-decoded, without the query
  std::string_view body;
  // The members of the query, percent-decoded.
  std::vector<std::pair<std::string, std::string>> query;

  bool is_get() const { return method == "GET" || method == "HEAD"; }
  bool is_post() const { return method == "POST"; }
};

struct AdminReply {
  int status = 200;
  std::string content_type;
  std::string body;
  // Set for a live tail of this pipeline, which has no body of its own.
  std::string tail_pipeline;
};

AdminReply json_reply(int status, const Json& json);

// An RFC 9457 problem document: {type,title,status,detail,code,remedy}.
AdminReply problem(const Error& error);
AdminReply problem(int status, const Error& error);

// What every route says about a path that is none and about a method that it does not take.
AdminReply not_found(std::string_view path);
AdminReply wrong_method(const AdminRequest& request, std::string_view allowed);

}  // namespace rowtide
