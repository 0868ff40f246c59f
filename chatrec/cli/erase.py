"""Erasing a person: erase."""

from typing import Annotated

import typer

from chatrec.cli.app import app, state


@app.command()
def erase(user: Annotated[str, typer.Argument(help="The id of a user, as your own tables have it.")]) -> None:
    """Remove a person from lists, snapshots, vectors, quarantine and all that was learned; your tables stay yours.

    Killed on the way, it is finished by doing it again.
    """
    from chatrec.pipeline.erasure import erase as remove

    done = remove(state.settings, user)
    for kind, count in done.removed.items():
        print(f"{count:>9,} {kind}")
    print(f"Erased{'' if done.removed else ', and nothing was there'}: record {done.number} in erasures.")
