"""A process that does a run and is killed, by itself and for good, at a given moment.

A moment is `<step>:start`, `<step>:end` (its files are written, its manifest is not), or a point within a step.
"""

import os
import signal
from collections.abc import Callable
from importlib import import_module
from typing import Any

from chatrec import pipeline
from chatrec.config import load
from chatrec.encoder import vector_cache
from chatrec.pipeline.runner import Runner
from chatrec.pipeline.steps import BY_NAME, STEPS
from chatrec.publish import partitions, pointer
from chatrec.runs.run import Run
from tests.support import processes

KEY = "20260602T020000Z"


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
    "end:published, manifest written": (Runner, "end", before),
    "embed:some texts encoded": (vector_cache, "_write", after),
    "begin:recorded": (Run, "fresh_folder", before),
}


def moments() -> list[str]:
    """All moments in the order in which they come."""
    found = [name for name in POINTS if name.startswith("begin:")]
    for step in STEPS:
        within = [name for name in POINTS if name.startswith(f"{step.name}:")]
        found += [f"{step.name}:start", *within, f"{step.name}:end"]
    return [*found, *(name for name in POINTS if name.startswith("end:"))]


def kill_at(moment: str) -> None:
    """Does the run of KEY, or what is left of it, in a process that is killed."""
    ended = processes.run(_do, moment)
    assert ended.code == -signal.SIGKILL, ended


def _do(moment: str) -> None:
    _arm(moment)
    pipeline.run(load(), KEY, raise_on_error=True)


def _arm(moment: str) -> None:
    """Puts the end where it is wanted."""
    if moment in POINTS:
        module, name, when = POINTS[moment]
        setattr(module, name, when(getattr(module, name)))
        return
    step, _, when_in_step = moment.partition(":")
    module, _, function = BY_NAME[step].function.partition(":")
    when = before if when_in_step == "start" else after
    loaded = import_module(module)
    setattr(loaded, function, when(getattr(loaded, function)))
