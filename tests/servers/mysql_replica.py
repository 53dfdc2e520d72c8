"""Makes a MySQL or MariaDB server the replica of another by GTID, and a primary again."""

from tests.servers.mysql import MariaDb
from tests.servers.scratch import wait_until

# What a server needs so that others can go on from its log with what it replicated itself. MySQL
# does so by default, and newer ones do not know MariaDB's name of it.
MARIADB_SETTINGS = {"log_slave_updates": "ON"}


def replica_settings(make_server, server_id):
    """Settings of a server that may be primary and replica, one after the other."""
    more = MARIADB_SETTINGS if issubclass(make_server, MariaDb) else {}
    return {"server_id": server_id, **more}


def _word(server):
    # MySQL 8.0.15 does not know the newer word yet, MySQL 9 does not know the older one any more.
    return "REPLICA" if server.version.startswith("9.") else "SLAVE"


def replicate(replica, primary):
    """`replica` follows `primary` from where its own log ends. Both have been started."""
    if isinstance(replica, MariaDb):
        # A former primary has committed what it wrote, and has replicated none of it.
        replica.sql("SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_binlog_pos")
        how = "MASTER_USE_GTID = slave_pos"
    else:
        how = "MASTER_AUTO_POSITION = 1"
    change = (f"CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {primary.port}, "
              f"MASTER_USER = 'root', MASTER_CONNECT_RETRY = 1, {how}")
    if _word(replica) == "REPLICA":
        change = change.replace("CHANGE MASTER", "CHANGE REPLICATION SOURCE")
        change = change.replace("MASTER_", "SOURCE_")
    replica.sql(change)
    replica.sql(f"START {_word(replica)}")


def receive(replica, on):
    """Has the replica take what its primary sends, or not."""
    replica.sql(f"{'START' if on else 'STOP'} {_word(replica)} IO_THREAD")


def apply(replica, on):
    """Has the replica execute what it received, or not."""
    replica.sql(f"{'START' if on else 'STOP'} {_word(replica)} SQL_THREAD")


def status(replica):
    """What the replica says of its replication, for messages."""
    connection = replica.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute(f"SHOW {_word(replica)} STATUS")
        names = [column[0] for column in cursor.description]
        return [{name: value for name, value in zip(names, row)
                 if "Running" in name or "Error" in name or "Gtid" in name}
                for row in cursor.fetchall()]


def wait_replicated(replica, primary, timeout_s=60):
    """Returns when the replica has executed all that the primary has."""
    wanted = primary.gtid_position()
    if isinstance(replica, MariaDb):
        covered = "SELECT MASTER_GTID_WAIT(%s, 0.1) = 0"
    else:
        covered = "SELECT GTID_SUBSET(%s, @@GLOBAL.gtid_executed)"
    wait_until(lambda: replica.sql(covered, (wanted,))[0][0] == 1, timeout_s,
               lambda: f"a replica at {wanted}; it says {status(replica)}")


def promote(replica):
    """Ends the replication for good: the server is a primary with all that it executed."""
    replica.sql(f"STOP {_word(replica)}")
    replica.sql(f"RESET {_word(replica)} ALL")
