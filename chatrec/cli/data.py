"""Looking at data: recommend, sql, evaluate, demo, up."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from chatrec.cli.app import app, state
from chatrec.errors import RunError


@app.command()
def recommend(
    user: Annotated[str, typer.Argument(help="The id of a user, as your own tables have it.")],
    key: Annotated[str | None, typer.Option("--run", help="An older night's list, by its key.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Show a user's list with the reasons."""
    from chatrec.pipeline.night import open_database
    from chatrec.publish.read import list_of
    from chatrec.show import console, lists_table

    with open_database(state.settings, "chatrec recommend") as engine:
        rows = list_of(engine, user, key)
    if not rows:
        raise RunError(f"There is no list for user {user} in {f'run {key}' if key else 'the live run'}.")
    if as_json:
        print(json.dumps(rows, indent=1, default=str, ensure_ascii=False))
    else:
        console().print(lists_table(rows))


@app.command()
def sql(
    query: Annotated[str | None, typer.Argument(help="A statement; without one psql opens.")] = None,
) -> None:
    """Print the rows of a statement as CSV, or open psql; both see chatrec's schema first."""
    from chatrec.pipeline.night import open_database
    from chatrec.publish.read import open_psql, write_csv

    if query is None:
        raise typer.Exit(open_psql(state.settings))
    with open_database(state.settings, "chatrec sql") as engine:
        write_csv(engine, query, sys.stdout)


@app.command()
def evaluate(
    split: Annotated[Path, typer.Option(help="Folder with train.csv.gz and candidates.csv.gz.")],
    items: Annotated[Path, typer.Option(help="item_id, title, groups and text columns, CSV.")],
    out: Annotated[Path, typer.Option(help="Where to write user_id, rank, item_id; .gz compresses.")],
    users: Annotated[Path | None, typer.Option(help="user_id and attributes, CSV.")] = None,
    target: Annotated[
        Literal["next", "period", "any"],
        typer.Option(help="What the lists must predict; see ranking.target."),
    ] = "period",
    k: Annotated[int, typer.Option("--k", min=1, help="Length of a list.")] = 20,
) -> None:
    """Fit on a split that another tool made and write lists for it to score; needs no database."""
    from chatrec.pipeline.offline import evaluate_split
    from chatrec.show import console, counts

    chosen = state.settings.override({"ranking.target": target})
    found = evaluate_split(chosen, split, items, users, out, k)
    for step, values in found.items():
        if isinstance(values, dict):
            console(stderr=True).print(f"[green]✓[/] {step:<8} [dim]{counts(step, values)}[/]")
    print(f"Wrote {found['rows']:,} rows to {out}.")


@app.command()
def demo() -> None:
    """The whole night on MovieLens-100k, under Airflow, from an empty machine."""
    from chatrec.demo.show import run_demo

    run_demo(state.settings)


@app.command()
def up() -> None:
    """Airflow with its web page on 127.0.0.1:8080, beside the embedded PostgreSQL; Ctrl-C stops all of it."""
    from chatrec.demo.airflow import serve

    raise typer.Exit(serve(state.settings))
