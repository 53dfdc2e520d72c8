#include "engine/control/admin_reply.h"

namespace rowtide {
namespace {

int http_status(Code code) {
  switch (code) {
    case Code::kNotFound:
      return 404;
    case Code::kConfig:
    case Code::kData:
      return 400;
    case Code::kConflict:
      return 409;
    case Code::kUnsupported:
      return 501;
    default:
      return 500;
  }
}

std::string_view title_of(int status) {
  switch (status) {
    case 400:
      return "Bad request";
    case 401:
      return "Not authorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not found";
    case 405:
      return "Method not allowed";
    case 409:
      return "Conflict";
    case 413:
      return "Request too large";
    case 415:
      return "Unsupported encoding";
    case 429:
      return "Too many requests";
    case 501:
      return "Not supported";
    case 503:
      return "Not available";
    default:
      return status < 500 ? "Bad request" : "Internal error";
  }
}

}  // namespace

AdminReply json_reply(int status, const Json& json) {
  return {status, "application/json", dump_json(json) + "\n", {}};
}

AdminReply problem(const Error& error) {
  return problem(http_status(error.code), error);
}

AdminReply problem(int status, const Error& error) {
  return {status,
          "application/problem+json",
          dump_json(Json{{"type", "about:blank"},
                         {"title", std::string(title_of(status))},
                         {"status", status},
                         {"detail", error.message},
                         {"code", std::string(to_string(error.code))},
                         {"remedy", error.remedy}}) +
              "\n",
          {}};
}

AdminReply not_found(std::string_view path) {
  return problem(operator_error(Code::kNotFound,
                                "there is nothing at " + std::string(path.substr(0, 200)),
                                "The API is below /api/v1; see also /livez, /readyz and /metrics"));
}

AdminReply wrong_method(const AdminRequest& request, std::string_view allowed) {
  return problem(405, operator_error(Code::kUnsupported,
                                     std::string(request.path.substr(0, 200)) + " does not take " +
                                         std::string(request.method.substr(0, 20)),
                                     "Use " + std::string(allowed)));
}

}  // namespace rowtide
