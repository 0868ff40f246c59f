"""The command in a process of its own."""

import os
from pathlib import Path

import pytest

from tests.support import processes
from tests.support.processes import Chatrec


@pytest.fixture
def chatrec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Chatrec:
    """Runs the command in a process of its own; returns the exit code and what it said."""
    monkeypatch.chdir(tmp_path)

    def do(*arguments: str, **environment: str) -> tuple[int, str, str]:
        ended = processes.run(processes.chatrec, *arguments, environment={**os.environ, **environment})
        assert "Traceback" not in ended.out + ended.err
        return ended.code, ended.out, ended.err

    return do
