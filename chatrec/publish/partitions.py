"""Tables of one run: loaded before they are visible, attached, and finally detached and dropped."""

from collections.abc import Sequence
from typing import Any

from psycopg2 import sql
from psycopg2.errors import LockNotAvailable
from sqlalchemy import Connection, Engine, text

from chatrec.db.copy import copy_in
from chatrec.db.encodings import Repertoire
from chatrec.db.engine import cursor, driver_cursor
from chatrec.db.fence import Check, unchecked
from chatrec.db.rights import become_owner
from chatrec.errors import RunStopped, TransientError
from chatrec.publish.outputs import Files, Output

ATTACHED = text("""
    SELECT i.inhdetachpending AS pending
    FROM pg_inherits i
    WHERE i.inhrelid = to_regclass(:partition) AND i.inhparent = to_regclass(:parent)
""")


def load(
    engine: Engine,
    output: Output,
    run: int,
    files: Files,
    repertoire: Repertoire | None = None,
    check: Check = unchecked,
) -> int:
    """Creates the table of one output and fills it, in one transaction, as the owner of the partitioned table.

    The table is not visible before `attach`. An attached table is not changed; a table left by a killed attempt is
    recreated.

    Args:
        engine: Engine of the database.
        output: Output table.
        run: Number of the run.
        files: Files to publish.
        repertoire: Characters that the database holds, if not all: others are replaced.
        check: Check of the lock, before the table is written.

    Returns:
        The number of rows.

    Raises:
        RunStopped: If the table does not hold the rows that were sent.
    """
    table, parent = sql.Identifier(output.partition(run)), sql.Identifier(output.table)
    names = {"table": table, "parent": parent, "run": sql.Literal(run)}
    with engine.begin() as connection, driver_cursor(connection) as opened:
        check(connection)
        if not is_attached(connection, output, run):
            become_owner(opened, output.table)
            for statement in (
                "DROP TABLE IF EXISTS {table}",
                "CREATE TABLE {table} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
                "ALTER TABLE {table} ALTER run SET DEFAULT {run}",
            ):
                opened.execute(sql.SQL(statement).format(**names))
            frames = map(repertoire.fitted, output.frames(files)) if repertoire else output.frames(files)
            sent = copy_in(opened, table, output.columns, frames, freeze=True)
            _finish(opened, output, names)
            _compare(opened, output, names, sent)
        opened.execute(sql.SQL("SELECT count(*) FROM {table}").format(**names))
        return int(opened.fetchone()[0])


def _finish(opened: Any, output: Output, names: dict[str, Any]) -> None:
    """Adds the index of the parent, and the constraint that lets `attach` skip a scan."""
    key = sql.SQL(", ").join(map(sql.Identifier, output.key))
    opened.execute(sql.SQL("ALTER TABLE {table} ADD PRIMARY KEY ({key})").format(key=key, **names))
    opened.execute(sql.SQL("ALTER TABLE {table} ADD CHECK (run IS NOT NULL AND run = {run})").format(**names))
    opened.execute(sql.SQL("ANALYZE {table}").format(**names))


def _compare(opened: Any, output: Output, names: dict[str, Any], sent: int) -> None:
    opened.execute(sql.SQL("SELECT count(*), count(*) FILTER (WHERE run = {run}) FROM {table}").format(**names))
    rows, of_run = opened.fetchone()
    if not rows == of_run == sent:
        raise RunStopped(f"{output.name}: {sent} rows were sent and {of_run} of {rows} arrived; nothing is published.")


def attach(engine: Engine, outputs: Sequence[Output], run: int, check: Check = unchecked) -> None:
    """Attaches the run's tables as partitions, in one short transaction.

    Readers are not blocked: attaching takes no lock that a SELECT waits for.
    """
    with engine.begin() as connection, driver_cursor(connection) as opened:
        check(connection)
        for output in outputs:
            if not is_attached(connection, output, run):
                opened.execute(
                    sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})").format(
                        sql.Identifier(output.table), sql.Identifier(output.partition(run)), sql.Literal(run)
                    )
                )


def drop(engine: Engine, outputs: Sequence[Output], run: int, seconds: float, check: Check = unchecked) -> None:
    """Detaches and drops the tables of a run. It waits for readers with an older plan and blocks none.

    An interrupted detach is completed.

    Raises:
        TransientError: If a reader uses the run for longer than `seconds`.
    """
    with cursor(engine, autocommit=True) as opened:
        opened.execute("SET lock_timeout = %s", (int(seconds * 1000),))
        try:
            for output in outputs:
                with engine.begin() as connection:
                    check(connection)
                    schema = connection.scalar(text("SELECT current_schema()"))
                    pending = _attached(connection, output, run)
                _drop(opened, str(schema), output, run, pending)
        except LockNotAvailable:
            raise TransientError(f"A reader has been reading run number {run} for over {seconds:.0f} s.") from None
        finally:
            opened.execute("RESET lock_timeout")


def _drop(opened: Any, schema: str, output: Output, run: int, pending: bool | None) -> None:
    table, parent = (sql.Identifier(schema, name) for name in (output.partition(run), output.table))
    if pending is not None:
        how = sql.SQL("FINALIZE" if pending else "CONCURRENTLY")
        opened.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {} {}").format(parent, table, how))
    opened.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))


def is_attached(connection: Connection, output: Output, run: int) -> bool:
    """Returns whether the table of a run is a partition that readers can see."""
    return _attached(connection, output, run) is False


def runs_with_tables(engine: Engine, outputs: Sequence[Output]) -> set[int]:
    """Returns the numbers of the runs that have a table of any output, attached or not."""
    with engine.connect() as connection:
        tables = connection.execute(
            text("SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'")
        ).scalars()
        prefixes = tuple(f"{output.name}_r" for output in outputs)
        return {
            int(number)
            for name in tables
            for prefix in prefixes
            if name.startswith(prefix) and (number := name.removeprefix(prefix)).isdigit()
        }


def tables_of(engine: Engine, output: Output) -> list[str]:
    """Returns the names of an output's tables of all runs, attached or not."""
    return [output.partition(run) for run in sorted(runs_with_tables(engine, [output]))]


def _attached(connection: Connection, output: Output, run: int) -> bool | None:
    """Returns None if the table is not a partition, else whether its detach was started and not completed."""
    names = {"partition": output.partition(run), "parent": output.table}
    pending: bool | None = connection.scalar(ATTACHED, names)
    return pending
