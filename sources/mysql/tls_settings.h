#pragma once

#include "engine/base/error.h"
#include "sources/mysql/server_address.h"

namespace rowtide::mysql {

// What both client libraries are told about safety, so that they are told the same.

// How a server may ask for a password. Never in plain text: any server could ask for it so.
inline constexpr const char* kAllowedPlugins =
    "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519";

// A unix socket needs no encryption and gets none unless it must be.
inline bool must_encrypt(const ConnectOptions& options) noexcept {
  return options.tls.mode >= TlsMode::kRequire ||
         (options.tls.mode != TlsMode::kDisable && !options.tls.fingerprint.empty());
}
inline bool uses_tls(const ConnectOptions& options) noexcept {
  return must_encrypt(options) ||
         (options.tls.mode == TlsMode::kPrefer && options.address.socket.empty());
}

// The libraries are content with a server that offers no TLS, whatever they were told.
inline Error not_encrypted_error() {
  return operator_error(
      Code::kAuthentication, "the server offers no TLS, and source.tls asks for it",
      "Give the server a certificate (ssl_cert, ssl_key), or set source.tls: {mode: prefer}");
}

}  // namespace rowtide::mysql
