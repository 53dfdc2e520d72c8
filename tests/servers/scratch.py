"""Temporary directories and child processes that never outlive the test run."""

import atexit
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

_cleanups = []
_installed = False


def _run_cleanups():
    while _cleanups:
        action = _cleanups.pop()
        try:
            action()
        except Exception as error:  # a failed cleanup must not stop the others
            print(f"cleanup failed: {error}", file=sys.stderr)


def _on_signal(number, _frame):
    _run_cleanups()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def at_end(action):
    """Runs `action` when the process ends, also by SIGINT, SIGTERM or SIGHUP. Main thread only."""
    global _installed
    if not _installed:
        _installed = True
        atexit.register(_run_cleanups)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _on_signal)
    _cleanups.append(action)
    return action


def cancel(action):
    """Takes back what at_end() was given."""
    if action in _cleanups:
        _cleanups.remove(action)


class Scratch:
    """A directory under the system's temporary directory, removed at the end.

    ROWTIDE_KEEP=1 keeps it and prints where it is.
    """

    def __init__(self, name):
        # Short: unix socket paths live in here, and those may have 107 bytes only.
        self.path = tempfile.mkdtemp(prefix=f"rt-{name}-")
        os.chmod(self.path, 0o755)
        self._cleanup = at_end(self._remove)
        self.keep = os.environ.get("ROWTIDE_KEEP") == "1"

    def join(self, *parts):
        return os.path.join(self.path, *parts)

    def _remove(self):
        if self.keep:
            print(f"kept: {self.path}", file=sys.stderr)
        else:
            shutil.rmtree(self.path, ignore_errors=True)

    def close(self):
        cancel(self._cleanup)
        self._remove()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


_libc = ctypes.CDLL(None, use_errno=True)


def dies_with_parent(number):
    """A preexec_fn: the kernel sends `number` to the child when the starting thread is gone."""

    def run():
        _libc.prctl(1, number, 0, 0, 0)

    return run


def wait_until(condition, timeout_s, what, interval_s=0.02):
    """Calls `condition` until it returns something true, and returns that.

    `what` may be a callable that says at the end what was seen last.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s} s: {what() if callable(what) else what}")
        time.sleep(interval_s)


def read_tail(path, max_bytes=6000):
    """The end of a log file as text, empty when there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - max_bytes))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def kill_process(process, number=signal.SIGKILL, timeout_s=30):
    """Ends a subprocess.Popen and waits for it; fine when it has ended already."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(number)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
