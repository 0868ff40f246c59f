"""Processes of one's own that cost no start of Python: forks of a parent that has imported everything and done nothing.

A fork of the test process would inherit its threads' locks, its connections and whatever the tests before it left
behind; the parent here has none of these.
"""

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[2]
Chatrec = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Ended:
    """How a process ended; the code of one that was killed is minus the number of the signal."""

    code: int
    out: str
    err: str


@dataclass
class Started:
    """A process at work, and where it writes."""

    process: BaseProcess
    folder: TemporaryDirectory[str]

    def wait(self) -> Ended:
        """Its end."""
        self.process.join()
        code = self.process.exitcode
        assert code is not None
        out, err = (Path(self.folder.name, name).read_text(encoding="utf-8") for name in ("out", "err"))
        self.folder.cleanup()
        return Ended(code, out, err)


def start(function: Callable[..., object], *arguments: Any, environment: Mapping[str, str] | None = None) -> Started:
    """Calls a function of a module in a new process, in the working directory and the environment of the caller."""
    folder = TemporaryDirectory()
    given = dict(os.environ if environment is None else environment)
    process = parent().Process(target=_work, args=(folder.name, Path.cwd(), given, function, arguments))
    process.start()
    return Started(process, folder)


def run(function: Callable[..., object], *arguments: Any, environment: Mapping[str, str] | None = None) -> Ended:
    """Calls a function of a module in a new process and waits for its end."""
    return start(function, *arguments, environment=environment).wait()


def chatrec(*arguments: str) -> None:
    """The command, as its script calls it."""
    from chatrec.cli import main

    sys.argv = ["chatrec", *arguments]
    main()


@cache
def parent() -> ForkServerContext:
    """The parent; its processes begin with its environment, wherever they were asked for."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.imported"])
    with contextlib.chdir(ROOT):  # from where it imports
        multiprocessing.forkserver.ensure_running()  # type: ignore[attr-defined]
    return context


def _work(
    folder: str, place: Path, environment: dict[str, str], function: Callable[..., object], arguments: tuple[Any, ...]
) -> None:
    for name, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(place)
    function(*arguments)
