"""Runs a system in its own process, to measure its time and memory."""

import os
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETTINGS = {"CHATREC_CONFIG": str(ROOT / "benchmarks" / "chatrec.toml")}
LINES_OF_AN_ERROR = 20


@dataclass(frozen=True)
class Finished:
    """Output and cost of a process."""

    out: str
    seconds: float
    """Wall-clock seconds, including imports."""
    peak: int
    """Peak resident memory, in bytes, of the process or of a child that it waited for.

    Linux includes the size of the parent at the start, so the measuring process must stay small.
    """


class Failed(Exception):
    """The process failed; the message has the last lines of its standard error."""


def run(*command: object, timeout: float | None = None) -> Finished:
    """Runs a command in the root of the repository, with the default settings unless CHATREC_CONFIG names others.

    Raises:
        Failed: The command failed, or was stopped after `timeout` seconds.
    """
    words = [str(part) for part in command]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        since = time.monotonic()
        process = subprocess.Popen(words, stdout=out, stderr=err, cwd=ROOT, env={**SETTINGS, **os.environ})
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
            last = "\n".join(err.read().splitlines()[-LINES_OF_AN_ERROR:])
            raise Failed(f"{' '.join(words)} exited with {process.returncode}:\n{last}")
        return Finished(out.read().strip(), seconds, usage.ru_maxrss * 1024)
