"""State of the server of `database.url`: asked before a run would stumble over it at its end."""

from typing import Any

from chatrec.errors import SettingsError

OLDEST_VERSION = 14
CONNECTIONS = 5
"""Connections that a run needs at once: of its locks, of the step, and one that the server is still closing."""

SERVER = """
    SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000,
           pg_is_in_recovery(), current_setting('transaction_read_only')::boolean,
           (SELECT source FROM pg_settings WHERE name = 'default_transaction_read_only')
"""
LIMITS = """
    SELECT 'role', quote_ident(rolname), rolconnlimit FROM pg_roles WHERE rolname = session_user AND NOT rolsuper
    UNION ALL
    SELECT 'database', quote_ident(datname), datconnlimit FROM pg_database
    WHERE datname = current_database() AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user)
"""


def refuse_unfit(cursor: Any) -> None:
    """Check whether the server can be used: its version, whether it can be written, and its limits of connections.

    Raises:
        SettingsError: If not. Names the remedy.
    """
    cursor.execute(SERVER)
    version, major, standby, read_only, source = cursor.fetchone()
    if major < OLDEST_VERSION:
        raise SettingsError(f"PostgreSQL {version} is too old: chatrec needs {OLDEST_VERSION} or later.")
    if standby:
        raise SettingsError("database.url is read-only, because its server is a standby: name the primary.")
    if read_only:
        raise SettingsError(
            f"database.url is read-only: default_transaction_read_only is on (set for: {source}), as managed servers "
            "do when the disk is full. Turn it off, or name a database that can be written."
        )
    cursor.execute(LIMITS)
    if few := [row for row in cursor.fetchall() if 0 <= row[2] < CONNECTIONS]:
        kind, name, limit = few[0]
        raise SettingsError(
            f"The {kind} {name} may have {limit} connections at once, and a run needs {CONNECTIONS}: as an "
            f"administrator, execute `ALTER {kind.upper()} {name} CONNECTION LIMIT {CONNECTIONS};`."
        )
