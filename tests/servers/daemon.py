"""Starts, watches and kills the real rowtided."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time

from tests.servers.scratch import (
    Scratch,
    at_end,
    cancel,
    dies_with_parent,
    kill_process,
    read_tail,
    wait_until,
)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def binary_dir():
    return os.environ.get("ROWTIDE_BIN") or os.path.join(ROOT, "build", "dev", "bin")


def program(name):
    return os.path.join(binary_dir(), name)


def to_yaml(value, indent=0):
    """Block YAML of dicts, lists, texts, numbers and booleans; texts are always quoted."""
    pad = "  " * indent
    if isinstance(value, dict):
        lines = []
        for key, item in value.items():
            if isinstance(item, (dict, list)) and item:
                lines.append(f"{pad}{key}:\n{to_yaml(item, indent + 1)}")
            else:
                lines.append(f"{pad}{key}: {to_yaml(item)}\n")
        return "".join(lines)
    if isinstance(value, list):
        lines = []
        for item in value:
            if isinstance(item, dict) and item:
                lines.append(f"{pad}-\n{to_yaml(item, indent + 1)}")
            else:
                lines.append(f"{pad}- {to_yaml(item)}\n")
        return "".join(lines)
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Daemon:
    """One rowtided with a configuration, a state directory and an admin socket of its own.

    `pipelines` is the configuration's list; `extra` are further top-level keys.
    """

    def __init__(self, pipelines, extra=None, scratch=None, name="daemon"):
        self.scratch = scratch or Scratch(name)
        self._owns_scratch = scratch is None
        self.name = name
        self.state_dir = self.scratch.join(f"{name}-state")
        self.socket_path = self.scratch.join(f"{name}.sock")
        self.config_path = self.scratch.join(f"{name}.yaml")
        self.log_path = self.scratch.join(f"{name}.log")
        self.config = {
            "state_dir": self.state_dir,
            "admin": {"listen": f"unix:{self.socket_path}"},
            **(extra or {}),
            "pipelines": pipelines,
        }
        self.write_config()
        self._process = None
        self._cleanup = at_end(lambda: kill_process(self._process))

    def write_config(self):
        with open(self.config_path, "w") as file:
            file.write(to_yaml(self.config))

    # --- life ---

    def launch(self, failpoint=None, environment=None):
        """Starts the process and returns at once."""
        variables = {**os.environ, **(environment or {})}
        variables.pop("ROWTIDE_FAILPOINT", None)
        if failpoint:
            variables["ROWTIDE_FAILPOINT"] = failpoint
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                [program("rowtided"), "--config", self.config_path],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=variables,
                start_new_session=True, preexec_fn=dies_with_parent(signal.SIGKILL),
            )
        return self

    def start(self, failpoint=None, timeout_s=30, environment=None):
        """Starts the process and returns when its admin API answers."""
        self.launch(failpoint, environment)

        def answers():
            if not self.running:
                raise RuntimeError(f"rowtided ended with {self.exit_code}:\n{self.log()}")
            try:
                return self.get("/livez")[0] == 200
            except OSError:
                return False

        wait_until(answers, timeout_s, lambda: f"rowtided answers\n{self.log()}")
        return self

    def wait_running(self, pipeline=None, timeout_s=30):
        """Returns when the pipeline (default: each) is in the state running."""

        def ready():
            if not self.running:
                raise RuntimeError(f"rowtided ended with {self.exit_code}:\n{self.log()}")
            try:
                all_of_them = self.status()["pipelines"]
            except OSError:
                return False
            chosen = [p for p in all_of_them if pipeline in (None, p["name"])]
            return chosen and all(p["state"] == "running" for p in chosen)

        wait_until(ready, timeout_s, lambda: f"pipeline running\n{self.describe()}")
        return self

    def kill9(self):
        kill_process(self._process, signal.SIGKILL)

    def terminate(self, timeout_s=30):
        """SIGTERM; returns the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def wait(self, timeout_s=30):
        """Waits for the end of the process by itself and returns its exit code."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"rowtided did not end within {timeout_s} s\n{self.describe()}")

    def close(self):
        self.kill9()
        cancel(self._cleanup)
        if self._owns_scratch:
            self.scratch.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self):
        return None if self._process is None else self._process.poll()

    @property
    def pid(self):
        return self._process.pid

    # --- admin API ---

    def request(self, method, path, body=None, timeout_s=10):
        """(status code, text). OSError when nobody answers."""
        connection = _UnixConnection(self.socket_path, timeout_s)
        try:
            connection.request(method, path, body=body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path}: {error}") from error
        finally:
            connection.close()

    def get(self, path, timeout_s=10):
        return self.request("GET", path, timeout_s=timeout_s)

    def status(self):
        code, text = self.get("/api/v1/status")
        if code != 200:
            raise OSError(f"status answered {code}: {text}")
        return json.loads(text)

    def pipeline(self, name):
        for entry in self.status()["pipelines"]:
            if entry["name"] == name:
                return entry
        raise KeyError(name)

    def tool(self, *arguments, timeout_s=30):
        """Runs `rowtide` against this daemon; a finished process with texts."""
        return subprocess.run(
            [program("rowtide"), *arguments, "--admin", f"unix:{self.socket_path}"],
            capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL,
        )

    # --- the process ---

    def _proc_status(self, key):
        with open(f"/proc/{self.pid}/status") as file:
            for line in file:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
        raise KeyError(key)

    def rss_bytes(self):
        return self._proc_status("VmRSS")

    def peak_rss_bytes(self):
        return self._proc_status("VmHWM")

    def cpu_s(self):
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def log(self):
        return read_tail(self.log_path)

    def describe(self):
        """What an engineer wants to see when a wait ran out."""
        try:
            text = json.dumps(self.status(), indent=1)
        except (OSError, ValueError) as error:
            text = f"no status: {error}"
        return f"{text}\n--- log of rowtided\n{self.log()}"


def wait_confirmed(server, slot, lsn, timeout_s, daemon=None):
    """Returns when the slot's confirmed position has reached `lsn`: all sinks have it durably."""

    def reached():
        if daemon is not None and not daemon.running:
            raise RuntimeError(f"rowtided ended with {daemon.exit_code}:\n{daemon.log()}")
        row = server.slot(slot)
        return row and (row["confirmed_flush_lsn"] or 0) >= lsn

    started = time.monotonic()
    wait_until(
        reached, timeout_s,
        lambda: f"slot {slot} confirmed {lsn:#x}; it is at {server.slot(slot)}\n"
        + (daemon.describe() if daemon else ""),
        interval_s=0.05,
    )
    return time.monotonic() - started
