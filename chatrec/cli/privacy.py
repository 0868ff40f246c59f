"""Privacy: what was spent, and what it costs."""

from pathlib import Path
from typing import Annotated

import typer

from chatrec.cli.app import app, state


@app.command()
def privacy(
    curve: Annotated[
        Path | None, typer.Option(help="Measure NDCG@10 at several epsilons and draw them there, as PNG.")
    ] = None,
    epsilon: Annotated[list[float] | None, typer.Option(min=0.01, help="For the curve; may be repeated.")] = None,
    key: Annotated[
        str | None, typer.Option("--run", help="For the curve: a night; default: the newest whose texts are embedded.")
    ] = None,
) -> None:
    """Show what has been told of users, and what one more release would make it; with --curve what privacy costs.

    The curve holds events of real users out and needs no database. It is for the operator, and under no promise.
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
        found = ledger.entries(connection)
    if found:
        console().print(ledger_table(found))
    else:
        print("Nothing has been released yet.")
    print(
        f"Spent: ε {spent(found, chosen.delta):.3f} of {chosen.budget:g} at δ {chosen.delta:g}. One more release at "
        f"ε {chosen.epsilon:g} would make it {after_one_more(found, chosen):.3f}."
        + ("" if chosen.enabled else " privacy.enabled is false: nights promise nothing.")
    )


def _curve(file: Path, epsilons: list[float] | None, key: str | None) -> None:
    from chatrec.console import console, utility_table
    from chatrec.pipeline.utility import utility_of_night
    from chatrec.report.plots import LIGHT
    from chatrec.report.privacy_utility import EPSILONS, plot

    night, found = utility_of_night(state.settings, key, sorted(set(epsilons or EPSILONS)))
    drawn = plot(found)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(drawn.png(LIGHT))
    console().print(utility_table(found))
    print(f"Of {found.users:,} users of run {night}, target {state.settings.ranking.target}. {drawn.caption}")
    print(f"The curve is {file}.")
