"""The command in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Chatrec = Callable[..., tuple[int, str, str]]


@pytest.fixture
def chatrec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Chatrec:
    """Runs the command in a process of its own; returns the exit code and what it said."""
    monkeypatch.chdir(tmp_path)

    def do(*arguments: str, **environment: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "chatrec", *arguments]
        variables = {**os.environ, **environment}
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env=variables,
            stdin=subprocess.DEVNULL,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done.returncode, done.stdout, done.stderr

    return do
