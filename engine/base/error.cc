#include "engine/base/error.h"

namespace rowtide {

std::string_view to_string(Code code) noexcept {
  switch (code) {
    case Code::kConfig:
      return "config";
    case Code::kConnection:
      return "connection";
    case Code::kAuthentication:
      return "authentication";
    case Code::kPermission:
      return "permission";
    case Code::kProtocol:
      return "protocol";
    case Code::kNotFound:
      return "not_found";
    case Code::kConflict:
      return "conflict";
    case Code::kFenced:
      return "fenced";
    case Code::kPositionLost:
      return "position_lost";
    case Code::kSchema:
      return "schema";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kData:
      return "data";
    case Code::kDiskFull:
      return "disk_full";
    case Code::kReadOnly:
      return "read_only";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kNewerFormat:
      return "newer_format";
    case Code::kLocked:
      return "locked";
    case Code::kTimeout:
      return "timeout";
    case Code::kCancelled:
      return "cancelled";
    case Code::kInternal:
      return "internal";
  }
  return "internal";
}

std::string_view to_string(Disposition disposition) noexcept {
  switch (disposition) {
    case Disposition::kRetry:
      return "retry";
    case Disposition::kOperator:
      return "operator";
    case Disposition::kFatal:
      return "fatal";
  }
  return "fatal";
}

Error Error::with_context(std::string_view where) && {
  message.insert(0, ": ").insert(0, where);
  return std::move(*this);
}

std::string Error::to_text() const {
  if (remedy.empty()) {
    return message;
  }
  return message + ". " + remedy;
}

Error retry_error(Code code, std::string message, std::string remedy) {
  return Error{code, Disposition::kRetry, std::move(message), std::move(remedy)};
}

Error operator_error(Code code, std::string message, std::string remedy) {
  return Error{code, Disposition::kOperator, std::move(message), std::move(remedy)};
}

Error fatal_error(Code code, std::string message, std::string remedy) {
  return Error{code, Disposition::kFatal, std::move(message), std::move(remedy)};
}

}  // namespace rowtide
