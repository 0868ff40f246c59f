"""`make example NAME=…` as a person runs it: everything by one command, told on the terminal."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOLD = {
    "shop": ["After searching for 运动鞋", "in 0 lists now", "whose coffee has run out"],
    "feed": ["is about to follow", "rows by followed authors"],
    "news": ["of the lists of interested subscribers have the article", "without freshness"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TOLD)
def test_an_example_runs_by_one_command(name: str, database: str, tmp_path: Path) -> None:
    small = {"layers": 1, "width": 32, "vocabulary": 300, "train_tokens": 2048}
    environment = {
        **os.environ,
        "CHATREC_DATABASE__URL": database,
        "CHATREC_ARTIFACTS__ROOT": str(tmp_path),
        "CHATREC_ADVANCED__ENCODER__LOCAL": json.dumps(small),
    }
    command = [sys.executable, "-m", "examples", name, "--users", "300"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for words in TOLD[name]:
        assert words in done.stdout


def test_an_example_that_is_not_there_is_refused_with_those_that_are() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples", "shops"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert all(name in done.stderr for name in TOLD)
