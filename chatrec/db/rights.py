"""Rights of the role of `database.url`: asked before a run would miss them at its end."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg2
from psycopg2 import errors, sql

from chatrec.errors import SettingsError

RECORDS = ("migrations", "runs", "run_steps", "run_checks", "run_metrics", "live_run", "locks", "quarantine",
           "privacy_ledger", "reading_limits", "erasures")  # fmt: skip
"""Tables that are not partitioned."""

SCHEMA = """
    SELECT quote_ident(current_user), quote_ident(current_database()), oid IS NOT NULL,
           has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE'),
           has_database_privilege(current_database(), 'CREATE')
    FROM (SELECT to_regnamespace(quote_ident(%s)) AS oid) AS named
"""
OTHER_OWNERS = """
    SELECT DISTINCT quote_ident(current_user), quote_ident(o.rolname), pg_has_role(o.oid, 'MEMBER'), v.by_grant
    FROM pg_class c JOIN pg_roles o ON o.oid = c.relowner,
         (SELECT current_setting('server_version_num')::int >= 160000 AS by_grant) AS v
    WHERE c.relnamespace = to_regnamespace(quote_ident(%s))
      AND (c.relkind = 'p' OR c.relkind = 'r' AND (c.relispartition OR c.relname = ANY (%s) OR c.relname ~ '_r[0-9]+$'))
      AND NOT (pg_has_role(o.oid, 'USAGE') AND pg_has_role(o.oid, CASE WHEN v.by_grant THEN 'SET' ELSE 'MEMBER' END))
"""
CREATES_ROLES = """
    SELECT quote_ident(rolname),
           rolsuper OR rolcreaterole OR (SELECT bool_and(to_regrole(name) IS NOT NULL) FROM unnest(%s) AS name)
    FROM pg_roles WHERE rolname = current_user
"""
OWNER = "SELECT relowner::regrole::text FROM pg_class WHERE oid = to_regclass(%s)"


def refuse_missing(cursor: Any, schema: str) -> None:
    """Check whether the role can migrate and publish: rights on the schema, and the ownership of its tables.

    Raises:
        SettingsError: If not. Names the GRANT.
    """
    problems = list(_other_owners(cursor, schema)) or list(_schema(cursor, schema))
    if problems:
        raise SettingsError(" ".join(problems))


def refuse_unusable(cursor: Any, schema: str, read_only: bool = False) -> None:
    """Check that the search path does not pass the schema over, which it does silently without USAGE.

    Raises:
        SettingsError: If the schema exists and the role may not use it. Names the GRANT.
    """
    cursor.execute(SCHEMA, (schema,))
    role, _, exists, usage, *_ = cursor.fetchone()
    if not exists or usage:
        return
    if not read_only:
        refuse_missing(cursor, schema)
    raise SettingsError(
        f"The role {role} may not use the schema {schema}: as its owner, call `chatrec db roles` and execute "
        f"`GRANT {schema}_reader TO {role};`."
    )


def refuse_new_roles(cursor: Any, names: Iterable[str]) -> None:
    """Check that the role may create the roles of these names that do not exist.

    Raises:
        SettingsError: If it may not. Names the remedy.
    """
    cursor.execute(CREATES_ROLES, (list(names),))
    role, may = cursor.fetchone()
    if not may:
        raise SettingsError(
            f"The role {role} may not create roles: call `chatrec db roles` with the URL of an administrator, or "
            f"execute as one `ALTER ROLE {role} CREATEROLE;`."
        )


def refusal(error: BaseException | None, setting: str, where: str) -> SettingsError | None:
    """Return the error to raise if a right or chatrec's tables are missing, or the database is read-only.

    Args:
        error: Error of the driver.
        setting: The setting that names the database.
        where: Its URL without the password.
    """
    said = error.diag.message_primary or "" if isinstance(error, psycopg2.Error) else ""
    if isinstance(error, errors.InsufficientPrivilege):
        return SettingsError(
            f"The role of {setting} ({where}) lacks a right: {said}. `chatrec check` names the GRANT; else GRANT it to "
            "the role, or make the role a member of the owner's."
        )
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return SettingsError(
            f"{setting} ({where}) is read-only: {said}. It is a standby, or default_transaction_read_only is on: name "
            "a database that can be written."
        )
    if isinstance(error, errors.UndefinedTable) and not set(RECORDS).isdisjoint(re.findall(r"\w+", said)):
        return SettingsError(f"chatrec's tables are not in {setting} ({where}) yet: run `chatrec db migrate`.")
    return None


def become_owner(cursor: Any, table: str) -> None:
    """Take the role of a table's owner until the transaction ends, so that what it makes belongs to the same role.

    Logins that rotate own nothing then: each can work on what another made, and can be dropped.

    Args:
        cursor: psycopg2 cursor in a transaction.
        table: Name of a table; nothing happens if there is none.
    """
    cursor.execute(OWNER, (table,))
    if found := cursor.fetchone():
        cursor.execute(sql.SQL("SET LOCAL ROLE " + found[0]))


def _schema(cursor: Any, schema: str) -> Iterator[str]:
    cursor.execute(SCHEMA, (schema,))
    role, database, exists, usage, create, create_schema = cursor.fetchone()
    if not exists and not create_schema:
        yield (
            f"The role {role} may not create the schema {schema}: as the owner of the database, execute "
            f"`GRANT CREATE ON DATABASE {database} TO {role};` or `CREATE SCHEMA {schema} AUTHORIZATION {role};`."
        )
    if exists and not (usage and create):
        yield (
            f"The role {role} may not {'create tables in' if usage else 'use'} the schema {schema}: as the owner of "
            f"the schema, execute `GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};`, or as an administrator "
            f"`ALTER SCHEMA {schema} OWNER TO {role};`."
        )


def _other_owners(cursor: Any, schema: str) -> Iterator[str]:
    cursor.execute(OTHER_OWNERS, (schema, list(RECORDS)))
    for role, owner, member, by_grant in cursor.fetchall():
        if member:
            inherit = (
                f"GRANT {owner} TO {role} WITH INHERIT TRUE, SET TRUE" if by_grant else f"ALTER ROLE {role} INHERIT"
            )
            yield f"The role {role} is in {owner}, but does not have its rights: execute `{inherit};`."
        else:
            make = "" if owner == f"{schema}_writer" else "call `chatrec db roles` and "
            yield (
                f"Tables of the schema {schema} belong to {owner}, and only their owner can publish and erase: as an "
                f"administrator, {make}execute `GRANT {schema}_writer TO {role};`."
            )
