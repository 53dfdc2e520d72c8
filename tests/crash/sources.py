"""What the crash suite has to know of the server that it writes to, one class for each kind.

A source offers, besides what PostgresSource and MySqlSource document:
  ERRORS               what its connections raise; is_busy(), is_lost() tell what to do about it
  ddl_in_transaction   whether TRUNCATE and ALTER TABLE are part of the transaction they are run in
  has_prepared         whether the load may write transactions in two phases
  told_what_is_durable whether the server itself keeps the acknowledged position
  backlog              distance of positions at which a load that nobody keeps up with slows down
Positions are integers that grow with every transaction.
"""

from tests.crash.mysql_source import MySqlSource
from tests.crash.postgres_source import PostgresSource
from tests.servers.mysql import MariaDb, MySql

KINDS = ("postgres", "mariadb", "mysql")


def make_source(kind, version=None):
    """A source that has not been started; `version` of the server, or the suite's usual one."""
    if kind == "postgres":
        return PostgresSource(int(version or 15))
    chosen = {"version": version} if version else {}
    return MySqlSource((MariaDb if kind == "mariadb" else MySql)(name="crsrc", **chosen))
