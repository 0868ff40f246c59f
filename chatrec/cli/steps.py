"""A verb for each step, for schedulers other than Airflow: `chatrec begin`, then each step in a process of its own."""

from typing import Annotated

import typer

from chatrec.cli.app import app, state
from chatrec.pipeline import STEPS, begin, perform
from chatrec.pipeline.steps import Step

PANEL = "Steps of a night"
Key = Annotated[str, typer.Option("--run", help="The key of the run that `chatrec begin` printed.")]


@app.command("begin", rich_help_panel=PANEL)
def begin_run(
    key: Annotated[str | None, typer.Option("--run", help="A key of your own; default: made from the time.")] = None,
) -> None:
    """Record a new run and print its key."""
    from datetime import UTC, datetime

    from chatrec.run import key_of

    print(begin(state.settings, key or key_of(datetime.now(UTC)), "steps").key)


def _verb(step: Step) -> None:
    @app.command(step.name, rich_help_panel=PANEL, help=step.function.__doc__)
    def do(key: Key) -> None:
        print(perform(state.settings, key, step.name).to_json())


for _step in STEPS:
    _verb(_step)
