"""A verb for each step, for schedulers other than Airflow: `chatrec begin`, then each step in a process of its own."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from chatrec.cli.app import app, state
from chatrec.runs.run import key_of

PANEL = "Steps of a night"
Key = Annotated[str, typer.Option("--run", help="The key of the run that `chatrec begin` printed.")]
HELP = {
    "extract": "Read users, items and events in one database snapshot.",
    "encoder": "Train the local GPT-2, unless there is one or another encoder is chosen.",
    "embed": "Turn new texts into GPT-2 vectors.",
    "groups": "Group the items.",
    "aigc": "Learn the AIGC vectors of items, groups and users.",
    "blend": "Fit the other channels and weigh all of them on held-out events.",
    "index": "Build the FAISS index of the available items.",
    "rank": "Make every user's list.",
    "tables": "Make the tables beside the lists: similar, popular and trending items, and answers to searches.",
    "generate": "Write names of groups and blurbs.",
    "gate": "Check the run; a failed check stops it here.",
    "publish": "Make the run's lists live and drop the oldest.",
}


@app.command("begin", rich_help_panel=PANEL)
def begin_run(
    key: Annotated[str | None, typer.Option("--run", help="A key of your own; default: made from the time.")] = None,
) -> None:
    """Record a new run and print its key."""
    from chatrec.pipeline import begin

    print(begin(state.settings, key or key_of(datetime.now(UTC)), "steps").key)


def _verb(step: str, words: str) -> None:
    @app.command(step, rich_help_panel=PANEL, help=words)
    def do(key: Key) -> None:
        from chatrec.pipeline import perform

        print(perform(state.settings, key, step).to_json())


for _step, _words in HELP.items():
    _verb(_step, _words)
