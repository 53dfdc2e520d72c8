#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/api/backfill.h"
#include "engine/api/control.h"
#include "engine/api/reload.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/secret.h"

namespace rowtide {

// The HTTP admin API over a control plane and the controls of backfills and of the configuration.
// README.md and openapi.yaml list what it answers.
//
// Every request but /livez needs "Authorization: Bearer TOKEN" when a token is set, and an address
// that other machines reach needs a token. Without one, requests that a web page made a browser
// send are refused. One request per connection; a body has at most 1 MiB; a request must arrive
// within 10 s.
//
// Thread: owns its threads and calls them from there: 4 for requests and 2 for tails.
// Lifecycle: start -> stop, or the destructor. They and the clock outlive it.
class AdminServer {
 public:
  // `listen` as in AdminAddress. Serves when it returns.
  static Result<std::unique_ptr<AdminServer>> start(std::string_view listen, Secret token,
                                                    ControlPlane& control,
                                                    BackfillControl& backfills,
                                                    ConfigControl& config, const Clock& clock,
                                                    Log log);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // Where it listens, with the port that the system chose for port 0.
  const std::string& address() const;

  // Ends tails and connections, waits for requests that are being worked on and for nothing else,
  // and removes the socket file. May be called again.
  void stop();

 private:
  struct Impl;
  explicit AdminServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rowtide
