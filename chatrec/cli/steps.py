"""A verb for each step, for schedulers other than Airflow.

Call `chatrec begin`, then each step in a process of its own.
"""

from datetime import UTC, datetime
from typing import Annotated

import typer

from chatrec.cli.app import DryRun, Full, app, state
from chatrec.runs.run import key_of

PANEL = "Steps of a run"
Key = Annotated[str, typer.Option("--run", help="Key of the run, printed by `chatrec begin`.")]
HELP = {
    "extract": "Read users, items and events in one database snapshot.",
    "encoder": "Train the local GPT-2, unless it exists or another encoder is chosen.",
    "embed": "Encode new texts into GPT-2 vectors.",
    "groups": "Assign items to groups.",
    "aigc": "Train AIGC: the vectors of items, groups and users.",
    "ensemble": "Fit the other models and the ensemble weights on held-out events.",
    "index": "Build the FAISS index of the available items.",
    "rank": "Rank a list for each user.",
    "tables": "Compute similar items, popular and trending items, and lists for searches.",
    "generate": "Write group names and blurbs.",
    "gate": "Check the run, and stop it if a check fails.",
    "publish": "Make the run live and drop the oldest runs.",
}


@app.command("begin", rich_help_panel=PANEL)
def begin_run(
    key: Annotated[str | None, typer.Option("--run", help="Key of the run. [default: made from the time]")] = None,
    full: Full = False,
    dry_run: DryRun = False,
) -> None:
    """Record a new run and print its key."""
    from chatrec.pipeline import RunOptions, begin

    print(begin(state.settings, key or key_of(datetime.now(UTC)), "steps", RunOptions(full, dry_run)).key)


def _verb(step: str, summary: str) -> None:
    @app.command(step, rich_help_panel=PANEL, help=summary)
    def do(key: Key) -> None:
        from chatrec.pipeline import perform

        print(perform(state.settings, key, step).to_json())


for _step, _summary in HELP.items():
    _verb(_step, _summary)
