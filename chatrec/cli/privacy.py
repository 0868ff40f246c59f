"""Privacy accounting: spent budget, and its cost in accuracy."""

from pathlib import Path
from typing import Annotated

import typer

from chatrec.cli.app import app, state


@app.command()
def privacy(
    curve: Annotated[
        Path | None, typer.Option(help="Measure NDCG@10 at several epsilons and write the plot to this PNG file.")
    ] = None,
    epsilon: Annotated[
        list[float] | None, typer.Option(min=0.01, help="With --curve: epsilon; may be repeated.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--run", help="With --curve: key of the run. [default: the newest with texts embedded]"),
    ] = None,
) -> None:
    """Show the privacy budget spent so far and after one more release. With --curve, measure the loss of accuracy.

    The curve holds out events of real users and needs no database. It is for the operator and is not differentially
    private.
    """
    if curve is None:
        _spent()
    else:
        _curve(curve, epsilon, key)


def _spent() -> None:
    from chatrec.console import console, ledger_table
    from chatrec.db import ledger
    from chatrec.db.engine import open_database
    from chatrec.pipeline.private import after_one_more, spent

    chosen = state.settings.privacy
    with open_database(state.settings, "chatrec privacy") as engine, engine.connect() as connection:
        entries = ledger.entries(connection)
    if entries:
        console().print(ledger_table(entries))
    else:
        print("Nothing has been released yet.")
    print(
        f"Spent: ε {spent(entries, chosen.delta):.3f} of {chosen.budget:g} at δ {chosen.delta:g}. One more release at "
        f"ε {chosen.epsilon:g} would make it {after_one_more(entries, chosen):.3f}."
        + ("" if chosen.enabled else " privacy.enabled is false: runs are not differentially private.")
    )


def _curve(file: Path, epsilons: list[float] | None, key: str | None) -> None:
    from chatrec.console import console, utility_table
    from chatrec.pipeline.utility import utility_of_run
    from chatrec.report.plots import LIGHT
    from chatrec.report.privacy_utility import EPSILONS, plot

    run, utility = utility_of_run(state.settings, key, sorted(set(epsilons or EPSILONS)))
    drawn = plot(utility)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(drawn.png(LIGHT))
    console().print(utility_table(utility))
    print(f"{utility.users:,} users of run {run}, target {state.settings.ranking.target}. {drawn.caption}")
    print(f"The curve is {file}.")
