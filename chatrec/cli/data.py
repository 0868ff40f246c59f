"""Commands about data: recommend, sql, evaluate, demo, up."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from chatrec.cli.app import app, state
from chatrec.errors import SettingsError


@app.command()
def recommend(
    user: Annotated[str, typer.Argument(help="User id, as in your own tables.")],
    key: Annotated[str | None, typer.Option("--run", help="Key of an older run to read.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a user's recommendations with their reasons."""
    from chatrec.console import console, lists_table
    from chatrec.publish.client import Client

    with Client(state.settings) as client:
        rows = client.recommend(user, run=key)
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=1, default=str, ensure_ascii=False))
    else:
        console().print(lists_table(rows))


@app.command()
def sql(
    query: Annotated[str | None, typer.Argument(help="SQL statement. Without one, psql opens.")] = None,
) -> None:
    """Print the rows of a statement as CSV, or open psql. Both search chatrec's schema first."""
    from chatrec.db.engine import open_database
    from chatrec.publish.read import open_psql, write_csv

    if query is None:
        raise typer.Exit(open_psql(state.settings))
    with open_database(state.settings, "chatrec sql") as engine:
        write_csv(engine, query, sys.stdout)


@app.command()
def evaluate(
    key: Annotated[
        str | None, typer.Option("--run", help="Key of the run. [default: the newest with embedded texts]")
    ] = None,
    target: Annotated[
        Literal["next_item", "next_period", "random", "next", "period", "any"] | None,
        typer.Option(
            help="Events that the lists should predict; next, period and any are short for the first three. "
            "[default: ranking.target; next_period with --split]"
        ),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(help="Folder with train.csv.gz, candidates.csv.gz, optionally queries.csv.gz. Only writes lists."),
    ] = None,
    items: Annotated[
        Path | None, typer.Option(help="With --split: CSV file with item_id, title, groups and text columns.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="With --split: file to write user_id, rank, item_id to; .gz compresses.")
    ] = None,
    users: Annotated[Path | None, typer.Option(help="With --split: CSV file with user_id and attributes.")] = None,
    k: Annotated[int | None, typer.Option("--k", min=1, help="With --split: length of a list. [default: 20]")] = None,
) -> None:
    """Evaluate all models and their ensemble on held-out events of a run's snapshot, and write a report.

    With --split, fit on a split made by another tool and write lists for it to score. Neither needs a database.
    """
    from chatrec.config.ranking import full_target

    chosen = full_target(target) if target else None
    if split is not None:
        _evaluate_split(split, items, users, out, chosen or "next_period", k or 20, key)
        return
    given = {"--items": items, "--out": out, "--users": users, "--k": k}
    if alone := [name for name, value in given.items() if value is not None]:
        raise SettingsError(f"{alone[0]} belongs to --split DIR; without it the snapshot of a run is evaluated.")
    from chatrec.console import StepLines, console, evaluation_table
    from chatrec.pipeline import evaluation as evaluations

    settings = state.settings.override({"ranking.target": chosen}) if chosen else state.settings
    evaluation, report = evaluations.evaluate(settings, key, StepLines())
    console().print(evaluation_table(evaluation))
    print(f"{evaluation.users:,} people have held-out events.\nThe report is {report}.")


def _evaluate_split(
    split: Path, items: Path | None, users: Path | None, out: Path | None, target: str, k: int, key: str | None
) -> None:
    from chatrec.console import console, summary
    from chatrec.pipeline.offline import evaluate_split

    if key is not None:
        raise SettingsError("--run names a run and --split a folder: give one of them.")
    if items is None or out is None:
        raise SettingsError("--split needs --items FILE, the catalogue, and --out FILE, where to write the lists.")
    results, rows = evaluate_split(state.settings.override({"ranking.target": target}), split, items, users, out, k)
    for step, result in results.items():
        console(stderr=True).print(f"[green]✓[/] {step:<8} [dim]{summary(result)}[/]")
    print(f"Wrote {rows:,} rows to {out}.")


@app.command()
def demo() -> None:
    """Run the pipeline on MovieLens-100k, under Airflow, from an empty machine."""
    from chatrec.demo.show import run_demo

    run_demo(state.config)


@app.command()
def up() -> None:
    """Start Airflow with its web UI on 127.0.0.1:8080, beside the embedded PostgreSQL. Ctrl-C stops both."""
    from chatrec.demo.airflow import serve

    raise typer.Exit(serve(state.settings))
