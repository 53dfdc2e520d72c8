"""Starts and stops real PostgreSQL servers, 13 to 18, each in a directory of its own."""

import os
import pwd
import shutil
import signal
import subprocess

import psycopg2

from tests.servers.scratch import (
    Scratch,
    at_end,
    cancel,
    dies_with_parent,
    free_port,
    kill_process,
    read_tail,
    wait_until,
)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPS = os.environ.get("ROWTIDE_DEPS", os.path.join(ROOT, "build", "deps"))
DEBIAN_15 = "/usr/lib/postgresql/15/bin"

DEFAULT_SETTINGS = {
    "wal_level": "logical",
    "fsync": "on",
    "max_replication_slots": 20,
    "max_wal_senders": 20,
    "max_prepared_transactions": 10,
    "max_connections": 100,
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
}

# Every connection of a test sees values in the one text form that the tests compare.
TEXT_FORM = (
    "-c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC "
    "-c extra_float_digits=3 -c bytea_output=hex"
)


def programs(version):
    """The directory of the server's programs; fetches them when they are not there."""
    if version == 15 and os.path.exists(os.path.join(DEBIAN_15, "postgres")):
        return DEBIAN_15
    here = os.path.join(DEPS, f"postgres-{version}")
    subprocess.run(
        [os.path.join(ROOT, "tests", "servers", "fetch_postgres.sh"), str(version)], check=True
    )
    return os.path.join(here, "bin")


def unprivileged():
    """Keyword arguments for subprocess: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        except KeyError:
            continue
    raise RuntimeError("no unprivileged user to run PostgreSQL as")


class PostgresServer:
    """One server. Usable as a context manager; also ended when the process ends.

    With `primary`, a running server, it is a physical standby of it.
    """

    def __init__(self, version=15, settings=None, name="pg", primary=None):
        self.version = version
        self.bin = programs(version)
        self.settings = {**DEFAULT_SETTINGS, **(settings or {})}
        self.scratch = Scratch(name)
        self.data = self.scratch.join("data")
        self.log_path = self.scratch.join("log")
        self.port = free_port()
        self._process = None
        self._as_user = unprivileged()
        if self._as_user:
            os.chown(self.scratch.path, self._as_user["user"], self._as_user["group"])
        self._cleanup = at_end(self._kill_quietly)
        if primary:
            self._basebackup(primary)
        else:
            self._initdb()

    # --- life ---

    def _basebackup(self, primary):
        """Not pg_basebackup, which the packages of some versions lack."""
        modern = self.version >= 15
        connection = primary.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backup_start('standby', true)" if modern else
                               "SELECT pg_start_backup('standby', true, false)")
                # Files that go away meanwhile are not missed: the log has it all.
                subprocess.run(["cp", "-a", primary.data, self.data], stderr=subprocess.DEVNULL)
                cursor.execute("SELECT labelfile FROM pg_backup_stop(false)" if modern else
                               "SELECT labelfile FROM pg_stop_backup(false, false)")
                label = cursor.fetchone()[0]
        finally:
            connection.close()
        for path in ("postmaster.pid", "postmaster.opts", "pg_wal/archive_status", "pg_replslot"):
            full = os.path.join(self.data, path)
            shutil.rmtree(full) if os.path.isdir(full) else os.remove(full)
        for name, text in (("backup_label", label), ("standby.signal", "")):
            with open(os.path.join(self.data, name), "w") as file:
                file.write(text)
        for folder in ("pg_wal/archive_status", "pg_replslot"):
            os.mkdir(os.path.join(self.data, folder), 0o700)
        if self._as_user:
            for path in ("backup_label", "standby.signal", "pg_wal/archive_status", "pg_replslot"):
                os.chown(os.path.join(self.data, path),
                         self._as_user["user"], self._as_user["group"])
        self.settings["primary_conninfo"] = f"host=127.0.0.1 port={primary.port} user=postgres"
        self._configure()

    def _initdb(self):
        done = subprocess.run(
            [
                os.path.join(self.bin, "initdb"),
                "--pgdata", self.data, "--username", "postgres", "--auth", "trust",
                "--encoding", "UTF8", "--locale", "C", "--no-sync",
            ],
            cwd=self.scratch.path, capture_output=True, text=True, **self._as_user,
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb of PostgreSQL {self.version} failed:\n{done.stderr}")
        self._configure()

    def _configure(self):
        with open(os.path.join(self.data, "postgresql.conf"), "a") as conf:
            conf.write("listen_addresses = '127.0.0.1'\n")
            conf.write(f"unix_socket_directories = '{self.scratch.path}'\n")
            for key, value in self.settings.items():
                conf.write(f"{key} = '{value}'\n")

    def start(self, timeout_s=60):
        """Starts the server and returns when it accepts connections."""
        assert self._process is None or self._process.poll() is not None
        # A postmaster that was killed leaves its processes a moment longer, and its lock file.
        pid_file = os.path.join(self.data, "postmaster.pid")

        def launch():
            with open(self.log_path, "ab") as log:
                # Port and sockets by command line: a restart keeps the port.
                self._process = subprocess.Popen(
                    [os.path.join(self.bin, "postgres"), "-D", self.data, "-p", str(self.port)],
                    cwd=self.scratch.path, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, preexec_fn=dies_with_parent(signal.SIGQUIT),
                    **self._as_user,
                )

        def accepts():
            if self._process.poll() is not None:
                if os.path.exists(pid_file) and "shared memory" in read_tail(self.log_path, 600):
                    launch()
                    return False
                raise RuntimeError(f"PostgreSQL ended:\n{read_tail(self.log_path)}")
            try:
                self.connect(connect_timeout=2).close()
                return True
            except psycopg2.OperationalError:
                return False

        launch()
        wait_until(accepts, timeout_s, lambda: f"PostgreSQL ready\n{read_tail(self.log_path)}")
        return self

    def signal_stop(self, mode="fast"):
        """Asks the server to stop, without waiting."""
        number = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
        self._process.send_signal(number[mode])

    def wait_stopped(self, timeout_s):
        """True when the server has ended within the time."""
        try:
            self._process.wait(timeout_s)
            return True
        except subprocess.TimeoutExpired:
            return False

    def stop(self, mode="fast", timeout_s=60):
        if self._process is None or self._process.poll() is not None:
            return
        self.signal_stop(mode)
        if not self.wait_stopped(timeout_s):
            self.kill()
            raise TimeoutError(f"PostgreSQL did not stop ({mode}) within {timeout_s} s")

    def kill(self):
        """SIGKILL to the postmaster; its children notice and end by themselves."""
        kill_process(self._process)

    def restart(self, mode="fast"):
        self.stop(mode)
        self.start()

    def close(self):
        cancel(self._cleanup)
        try:
            self.stop("immediate")
        finally:
            self.scratch.close()

    def _kill_quietly(self):
        kill_process(self._process, signal.SIGQUIT, 10)

    def __enter__(self):
        if self._process is None:
            self.start()
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def pid(self):
        return self._process.pid

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    # --- access ---

    def url(self, database="postgres", user="postgres"):
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, database="postgres", user="postgres", autocommit=True, **keywords):
        """A psycopg2 connection whose values come as the tests' text form."""
        connection = psycopg2.connect(
            host=keywords.pop("host", "127.0.0.1"), port=self.port, dbname=database, user=user,
            options=keywords.pop("options", TEXT_FORM), **keywords,
        )
        connection.autocommit = autocommit
        return connection

    def execute(self, sql, args=None, database="postgres"):
        """Runs statements in autocommit and returns the rows of the last one, or None."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, args)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def create_database(self, name):
        self.execute(f'CREATE DATABASE "{name}"')

    def prepend_hba(self, line):
        """Puts a pg_hba.conf line before all others and reloads."""
        path = os.path.join(self.data, "pg_hba.conf")
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(line + "\n" + text)
        self.execute("SELECT pg_reload_conf()")

    def slot(self, name):
        """The slot's row of pg_replication_slots as a dict, LSNs as integers, or None."""
        rows = self.execute(
            "SELECT active, active_pid, wal_status, restart_lsn - '0/0', "
            "confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = %s",
            (name,),
        )
        if not rows:
            return None
        active, pid, wal_status, restart, confirmed = rows[0]
        return {
            "active": active, "active_pid": pid, "wal_status": wal_status,
            "restart_lsn": None if restart is None else int(restart),
            "confirmed_flush_lsn": None if confirmed is None else int(confirmed),
        }

    def standby(self, settings=None, name="standby"):
        """A physical standby of this server, not started yet."""
        settings = {**self.settings, "hot_standby_feedback": "on", **(settings or {})}
        return PostgresServer(self.version, settings, name, primary=self)

    def pause_replay(self):
        """Of a standby; returns when nothing is replayed any more."""
        self.execute("SELECT pg_wal_replay_pause()")
        if self.version >= 14:
            wait_until(lambda: self.execute("SELECT pg_get_wal_replay_pause_state()")[0][0]
                       == "paused", 30, "replay paused", 0.01)

    def resume_replay(self):
        self.execute("SELECT pg_wal_replay_resume()")

    def promote(self):
        self.execute("SELECT pg_promote(true, 60)")

    def wal_position(self):
        return int(self.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")[0][0])

    def log(self):
        return read_tail(self.log_path)
