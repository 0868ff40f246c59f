"""One system in a process of its own, so that its time and its memory are its own."""

import os
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINES_OF_AN_ERROR = 20


@dataclass(frozen=True)
class Finished:
    """What a process printed and took."""

    out: str
    seconds: float
    """From start to end, imports included."""
    peak: int
    """Bytes, the largest resident size of it or of a process that it waited for.

    Linux counts the parent's size at the start too: who measures must be small.
    """


class Failed(Exception):
    """A process that ended badly, with the last lines of what it said."""


def run(*command: object, timeout: float | None = None) -> Finished:
    """Runs a command in the root of the repository.

    Raises:
        Failed: it ended with an error, or was stopped after `timeout` seconds.
    """
    words = [str(part) for part in command]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        since = time.monotonic()
        process = subprocess.Popen(words, stdout=out, stderr=err, cwd=ROOT)
        alarm = threading.Timer(timeout if timeout is not None else threading.TIMEOUT_MAX, process.kill)
        alarm.daemon = True
        alarm.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - since
        alarm.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if timeout is not None and seconds >= timeout:
            raise Failed(f"over {timeout:g} s")
        if process.returncode:
            said = "\n".join(err.read().splitlines()[-LINES_OF_AN_ERROR:])
            raise Failed(f"{' '.join(words)} ended with {process.returncode}:\n{said}")
        return Finished(out.read().strip(), seconds, usage.ru_maxrss * 1024)
