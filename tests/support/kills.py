"""A process that does a night and is killed, by itself and for good, at a given moment.

    python -m tests.support.kills KEY MOMENT

MOMENT is `<step>:start`, `<step>:end` (its files are written, its manifest is not), or a point within the publish.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chatrec.encoder import store
from chatrec.pipeline import night, run_night
from chatrec.publish import partitions, pointer
from chatrec.run import Run
from chatrec.settings import load


def die(*_: Any, **__: Any) -> None:
    """As a power cut does it: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(function: Callable[..., Any]) -> Callable[..., Any]:
    return die


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    def do(*arguments: Any, **options: Any) -> None:
        function(*arguments, **options)
        die()

    return do


POINTS: dict[str, tuple[Any, str, Callable[[Callable[..., Any]], Callable[..., Any]]]] = {
    "publish:loaded one table": (partitions, "load", after),
    "publish:loaded all tables": (partitions, "attach", before),
    "publish:attached": (partitions, "attach", after),
    "publish:drained": (pointer, "point", before),
    "publish:pointed": (pointer, "point", after),
    "publish:published, manifest written": (night, "_record_end", before),
    "embed:some texts encoded": (store, "_write", after),
    "begin:recorded": (Run, "fresh_folder", before),
}


def arm(moment: str) -> None:
    """Puts the end where it is wanted."""
    if moment in POINTS:
        module, name, when = POINTS[moment]
        setattr(module, name, when(getattr(module, name)))
        return
    name, _, when_in_step = moment.partition(":")
    step = night.BY_NAME[name]
    function = die if when_in_step == "start" else after(step.function)
    night.BY_NAME = {**night.BY_NAME, name: replace(step, function=function)}


def main() -> None:
    """Does the night."""
    arm(sys.argv[2])
    run_night(load(), sys.argv[1])


if __name__ == "__main__":
    main()
