"""Starts and stops real MariaDB and MySQL servers, each in a directory of its own."""

import os
import pwd
import signal
import subprocess

import pymysql

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

# What a source wants of a server. Files are left to the operating system, which outlives a killed
# server: sync_binlog=1 is for tests of what a server shows before it has synced.
DEFAULT_SETTINGS = {
    "log_bin": "binlog",
    "server_id": 1,
    "binlog_format": "ROW",
    "binlog_row_image": "FULL",
    "binlog_row_metadata": "FULL",
    "binlog_checksum": "CRC32",
    "sync_binlog": 0,
    "innodb_flush_log_at_trx_commit": 2,
    "innodb_buffer_pool_size": "64M",
    "max_connections": 100,
    "max_allowed_packet": "256M",
    "character_set_server": "utf8mb4",
    "default_time_zone": "+00:00",
    "bind_address": "127.0.0.1",
}


def unprivileged():
    """Keyword arguments for subprocess: the servers refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("mysql", "postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        except KeyError:
            continue
    raise RuntimeError("no unprivileged user to run a server as")


class _Server:
    """One server. Usable as a context manager; also ended when the process ends.

    `settings` are server variables; None takes a default away. The superuser is root, without a
    password, by TCP and by socket. What the tests set up is not in the binary log unless they want
    it there: the log begins empty.
    """

    flavour = ""
    flavour_settings = {}

    def __init__(self, settings=None, name="my"):
        wanted = {**DEFAULT_SETTINGS, **self.flavour_settings, **(settings or {})}
        self.settings = {key: value for key, value in wanted.items() if value is not None}
        self.scratch = Scratch(name)
        self.data = self.scratch.join("data")
        self.log_path = self.scratch.join("log")
        self.socket = self.scratch.join("sock")
        self.port = free_port()
        self._process = None
        self._root_everywhere = False
        self._as_user = unprivileged()
        os.mkdir(self.data)
        if self._as_user:
            for path in (self.scratch.path, self.data):
                os.chown(path, self._as_user["user"], self._as_user["group"])
        self._cleanup = at_end(self._kill_quietly)
        self._initialize()

    # --- what the flavours do differently ---

    def program(self):
        """The server's command, without its options."""
        raise NotImplementedError

    def _initialize(self):
        """Makes the system tables."""
        raise NotImplementedError

    def gtid_position(self):
        """All that was committed, in the server's own words."""
        raise NotImplementedError

    # --- life ---

    def _run(self, arguments, text=""):
        done = subprocess.run(
            [*self.program(), "--no-defaults", f"--datadir={self.data}",
             f"--tmpdir={self.scratch.path}", *arguments],
            input=text, cwd=self.scratch.path, capture_output=True, text=True, **self._as_user,
        )
        if done.returncode != 0:
            raise RuntimeError(f"no system tables for {self.flavour}:\n{done.stderr[-4000:]}")

    def _options(self):
        options = [
            "--no-defaults", f"--datadir={self.data}", f"--port={self.port}",
            f"--socket={self.socket}", f"--pid-file={self.scratch.join('pid')}",
            # Not the system's: MariaDB takes away the temporary tables that it finds when it starts.
            f"--tmpdir={self.scratch.path}",
        ]
        return options + [f"--{key}={value}" for key, value in self.settings.items()]

    def start(self, timeout_s=120):
        """Starts the server and returns when it accepts connections."""
        assert self._process is None or self._process.poll() is not None
        if os.path.exists(self.socket):
            os.remove(self.socket)
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                [*self.program(), *self._options()],
                cwd=self.scratch.path, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=dies_with_parent(signal.SIGKILL),
                **self._as_user,
            )

        def accepts():
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.flavour} ended:\n{read_tail(self.log_path)}")
            try:
                return self.connect(unix_socket=self.socket)
            except pymysql.err.OperationalError:
                return None

        connection = wait_until(
            accepts, timeout_s, lambda: f"{self.flavour} ready\n{read_tail(self.log_path)}"
        )
        if not self._root_everywhere:
            with connection.cursor() as cursor:
                cursor.execute("SET sql_log_bin = 0")
                cursor.execute("CREATE USER root@'%'")
                cursor.execute("GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION")
            self._root_everywhere = True
        connection.close()
        return self

    def start_detached(self):
        """Starts the server so that it outlives this process, and returns its process id."""
        with open(self.log_path, "ab") as log:
            return subprocess.Popen(
                [*self.program(), *self._options()], cwd=self.scratch.path,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                **self._as_user,
            ).pid

    def signal_stop(self):
        """Asks the server to stop, without waiting."""
        self._process.send_signal(signal.SIGTERM)

    def wait_stopped(self, timeout_s):
        """True when the server has ended within the time."""
        try:
            self._process.wait(timeout_s)
            return True
        except subprocess.TimeoutExpired:
            return False

    def stop(self, mode="fast", timeout_s=60):
        """`fast` is a clean shutdown, `immediate` a crash of the server's process."""
        if self._process is None or self._process.poll() is not None:
            return
        if mode == "immediate":
            self.kill()
            return
        self.signal_stop()
        if not self.wait_stopped(timeout_s):
            self.kill()
            raise TimeoutError(f"{self.flavour} did not stop within {timeout_s} s")

    def kill(self):
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
        kill_process(self._process, signal.SIGKILL, 10)

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

    def url(self, database="", user="root"):
        return f"mysql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, database=None, user="root", autocommit=True, **keywords):
        """A PyMySQL connection in UTF-8; values come as PyMySQL makes them."""
        if "unix_socket" not in keywords:
            keywords = {"host": "127.0.0.1", "port": self.port, **keywords}
        return pymysql.connect(
            user=user, database=database, autocommit=autocommit, charset="utf8mb4", **keywords
        )

    def sql(self, statement, args=None, database=None):
        """Runs one statement in autocommit and returns its rows."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, args)
                return cursor.fetchall()
        finally:
            connection.close()

    def create_database(self, name):
        self.sql(f"CREATE DATABASE `{name}`")

    def binlog_position(self):
        """(file, offset) of the end of the binary log."""
        try:
            rows = self.sql("SHOW MASTER STATUS")
        except pymysql.err.ProgrammingError:
            rows = self.sql("SHOW BINARY LOG STATUS")
        return rows[0][0], int(rows[0][1])

    def log(self):
        return read_tail(self.log_path)


def _fetched(flavour, version, script, part=".version"):
    """Where the server is that tests/servers/`script` unpacks; a finished directory has `part`."""
    base = os.path.join(DEPS, f"{flavour}-{version}")
    # The finished directory is asked for here, so that tests of what is there need no network.
    if not os.path.exists(os.path.join(base, part)):
        fetch = os.path.join(ROOT, "tests", "servers", script[0])
        subprocess.run([fetch, *script[1:]], check=True)
    return base


class MariaDb(_Server):
    """MariaDB 10.11, which is this Debian's own, or 11.8 by fetch_debian_server.sh."""

    flavour = "MariaDB"
    flavour_settings = {"gtid_strict_mode": "ON"}

    def __init__(self, version="10.11", settings=None, name="my"):
        self.version = version
        self.base = None
        if version != "10.11":
            script = ("fetch_debian_server.sh", "mariadb", version)
            self.base = _fetched("mariadb", version, script)
        super().__init__(settings, name)

    def program(self):
        if self.base is None:
            return ["/usr/sbin/mariadbd"]
        return [os.path.join(self.base, "bin", "mariadbd")]

    def _options(self):
        options = super()._options()
        return options[:1] + self._base_options() + options[1:]

    def _base_options(self):
        return [] if self.base is None else [f"--basedir={self.base}"]

    def _initialize(self):
        share, prefix = "/usr/share/mysql", "mysql"
        if self.base is not None:
            share, prefix = os.path.join(self.base, "share", "mariadb"), "mariadb"
        scripts = ["CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n"]
        for part in ("system_tables", "performance_tables", "system_tables_data"):
            with open(os.path.join(share, f"{prefix}_{part}.sql"), encoding="utf-8") as file:
                scripts.append(file.read())
        self._run(
            [*self._base_options(), "--bootstrap", "--skip-log-bin", "--skip-grant-tables",
             "--enforce-storage-engine=", "--innodb-buffer-pool-size=32M"],
            "".join(scripts),
        )

    def gtid_position(self):
        return self.sql("SELECT @@gtid_binlog_pos")[0][0]


class MariaDb118(MariaDb):
    def __init__(self, settings=None, name="my"):
        super().__init__("11.8", settings, name)


class MySql(_Server):
    """MySQL 8.0 by fetch_mysql.sh, or 9.7 by fetch_debian_server.sh."""

    flavour = "MySQL"
    flavour_settings = {
        "gtid_mode": "ON",
        "enforce_gtid_consistency": "ON",
        "mysqlx": "OFF",
        "secure_file_priv": "",
    }

    def __init__(self, version="8.0", settings=None, name="my"):
        self.version = version
        old = version == "8.0"
        script = ("fetch_mysql.sh",) if old else ("fetch_debian_server.sh", "mysql")
        part = ".version" if old else "lib/mysql/plugin/semisync_source.so"
        self.base = _fetched("mysql", version, (*script, version), part)
        super().__init__(settings, name)

    def program(self):
        return [os.path.join(self.base, "bin", "mysqld")]

    def _options(self):
        options = super()._options()
        return options[:1] + [f"--basedir={self.base}"] + options[1:]

    def _initialize(self):
        self._run([f"--basedir={self.base}", "--initialize-insecure"])

    def gtid_position(self):
        return self.sql("SELECT @@global.gtid_executed")[0][0].replace("\n", "")


class MySql97(MySql):
    def __init__(self, settings=None, name="my"):
        super().__init__("9.7", settings, name)


def with_copied_tables(make_server):
    """Servers like those of `make_server`; the first one's system tables are copied for the others.

    Making them takes seconds.
    """
    template = Scratch("tables").join("data")

    class Copied(make_server):
        def _initialize(self):
            if os.path.exists(template):
                subprocess.run(["cp", "-a", f"{template}/.", self.data], check=True)
                return
            super()._initialize()
            # Each server makes its own uuid.
            subprocess.run(["rm", "-f", os.path.join(self.data, "auto.cnf")], check=True)
            subprocess.run(["cp", "-a", self.data, template], check=True)

    return Copied


def server_classes():
    """MariaDB 10.11 and MySQL 8.0; with ROWTIDE_ALL_SERVERS=1 newer ones, too."""
    if os.environ.get("ROWTIDE_ALL_SERVERS") == "1":
        return (MariaDb, MySql, MariaDb118, MySql97)
    return (MariaDb, MySql)


def on_each_server(namespace, *cases):
    """Adds to a module's namespace each of these test cases, once for every server of this run."""
    for case in cases:
        for server in server_classes():
            name = server.__name__ + case.__name__
            namespace[name] = type(name, (case,), {
                "make_server": server, "__module__": namespace["__name__"]})
