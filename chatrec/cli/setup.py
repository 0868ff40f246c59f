"""Commands for setup: init, check, db migrate, db roles."""

from pathlib import Path
from typing import Annotated

import typer

from chatrec.cli.app import app, state
from chatrec.db import sql_files
from chatrec.db.server import refuse_unfit
from chatrec.errors import SettingsError

db = typer.Typer(help="Manage chatrec's own tables.", no_args_is_help=True)
app.add_typer(db, name="db")


@app.command()
def init(
    url: Annotated[str, typer.Option(help="Database URL to write into the file, preferably without a password.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a commented chatrec.toml."""
    from chatrec.config import template
    from chatrec.db.address import address

    file = state.config or Path("chatrec.toml")
    if file.exists() and not force:
        raise SettingsError(f"{file} already exists; --force overwrites it.")
    if url:
        address("--url", url)
    file.write_text(template(url), encoding="utf-8")
    print(f"Wrote {file}. Next: write your three SELECTs there, then `chatrec check`.")


@app.command()
def check() -> None:
    """Check settings, connections, mapping, templates and tables before a run."""
    from chatrec.console import console
    from chatrec.pipeline.preflight import preflight

    shown = console()
    settings = state.settings
    shown.print("[green]✓[/] settings")
    worst = 0
    for finding in preflight(settings):
        shown.print(f"[green]✓[/] {finding.question}: " if finding.ok else f"[red]✗[/] {finding.question}: ", end="")
        shown.print(finding.answer, markup=False)
        worst = max(worst, finding.error.exit_code if finding.error else 0)
    if worst:
        raise typer.Exit(worst)


@db.command()
def migrate() -> None:
    """Migrate chatrec's tables to the current version. Concurrent calls are safe."""
    from chatrec.db.engine import open_database
    from chatrec.db.migrate import migrate as apply
    from chatrec.db.pooler import refuse_transaction_pooler
    from chatrec.pipeline.preflight import read_mapping

    settings = state.settings
    mapping = read_mapping(settings)
    with open_database(settings, "chatrec db migrate") as engine:
        refuse_transaction_pooler(engine)
        applied = apply(engine, settings.database.schema_name, mapping.id_types)
    print("\n".join(f"Applied {name}." for name in applied) or "Nothing to do: the tables are up to date.")


@db.command()
def roles() -> None:
    """Create the roles <schema>_reader, <schema>_writer and <schema>_limited, for you to grant."""
    from chatrec.db.engine import cursor, open_database
    from chatrec.db.migrate import refuse_pending
    from chatrec.db.rights import refuse_new_roles

    schema = state.settings.database.schema_name
    roles = {f"schema_{name}": f"{schema}_{name}" for name in ("reader", "writer", "limited")}
    variables = {"schema": schema, **roles}
    with open_database(state.settings, "chatrec db roles") as engine:
        refuse_pending(engine, schema)
        with cursor(engine) as opened:
            refuse_unfit(opened)
            refuse_new_roles(opened, roles.values())
            opened.execute(sql_files.read("roles.sql", variables))
    print(f"Roles {', '.join(roles.values())} exist: GRANT {schema}_reader TO your_website;")
