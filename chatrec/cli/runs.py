"""Commands about runs: run, runs, rollback."""

import json
import time
from dataclasses import asdict
from typing import Annotated

import typer

from chatrec.cli.app import DryRun, Full, app, state

Key = Annotated[str | None, typer.Option("--run", help="Key of the run, such as 20261124T020000Z.")]


@app.command()
def run(
    full: Full = False,
    top_n: Annotated[int | None, typer.Option("--top-n", help="Number of recommendations per user.")] = None,
    dry_run: DryRun = False,
    approve: Annotated[
        bool, typer.Option("--approve", help="Publish even if publish.approval requires approval.")
    ] = False,
    key: Key = None,
) -> None:
    """Run the pipeline, from your tables to published recommendations. Resumes an interrupted run."""
    from chatrec import pipeline
    from chatrec.console import StepLines, console
    from chatrec.pipeline import RunOptions

    settings = state.settings.override({} if top_n is None else {"ranking.top_n": top_n})
    done = pipeline.run(settings, key, StepLines(), approve, RunOptions(full, dry_run), raise_on_error=True)
    words = {"published": "is live", "dry": "was not published (--dry-run)"}
    console(stderr=True).print(f"Run [bold]{done.key}[/] {words.get(done.state, done.state)}. {done.verdict}")


@app.command()
def runs(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of runs.")] = 20,
) -> None:
    """List the newest runs with their state, start, duration and counts."""
    from chatrec.console import console, runs_table
    from chatrec.db import records
    from chatrec.db.engine import open_database

    with open_database(state.settings, "chatrec runs") as engine, engine.connect() as connection:
        found = records.latest(connection, limit)
        steps = {record.run: records.steps(connection, record.run) for record in found}
    if as_json:
        values = [
            {
                **asdict(record),
                "seconds": record.seconds,
                "steps": {step.step: step.to_dict() for step in steps[record.run]},
            }
            for record in found
        ]
        print(json.dumps(values, indent=1, default=str, ensure_ascii=False))
    elif found:
        console().print(runs_table(found, steps))
    else:
        print("There are no runs yet: `chatrec run` starts one.")


@app.command()
def rollback(
    key: Annotated[str | None, typer.Argument(help="Key of a kept run. [default: the one before the live run]")] = None,
) -> None:
    """Make an older run live again, atomically."""
    from chatrec import pipeline

    started = time.perf_counter()
    chosen = pipeline.rollback(state.settings, key)
    print(f"Run {chosen} is live again, after {(time.perf_counter() - started) * 1000:.0f} ms.")
