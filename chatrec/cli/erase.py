"""Erasure of a user: erase."""

from typing import Annotated

import typer

from chatrec.cli.app import app, state


@app.command()
def erase(user: Annotated[str, typer.Argument(help="User id, as in your own tables.")]) -> None:
    """Remove a user from lists, snapshots, vectors, quarantine and models. Your own tables are not changed.

    If interrupted, run it again to finish.
    """
    from chatrec.pipeline.erasure import erase as remove

    erased = remove(state.settings, user)
    for kind, count in erased.removed.items():
        print(f"{count:>9,} {kind}")
    print(f"Erased{'' if erased.known else ', nothing was stored'}: record {erased.number} in erasures.")
