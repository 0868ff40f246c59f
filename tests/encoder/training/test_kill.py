"""A training that is killed goes on where it was, and comes to the same weights to the bit."""

import logging
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from chatrec.encoder import versions
from tests.support.training_kills import train

STEPS = {"local": 11, "next-token": 5, "full": 6, "lora": 6}


@pytest.mark.parametrize("what", STEPS)
def test_a_killed_training_comes_to_the_same_weights(
    what: str, gpt2_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    undisturbed, target = tmp_path / "a" / "undisturbed", tmp_path / "b" / "target"
    train(what, gpt2_folder, undisturbed)
    command = [sys.executable, "-m", "tests.support.training_kills", what, str(gpt2_folder), str(target)]
    done = subprocess.run([*command, str(STEPS[what])], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not target.exists()
    with caplog.at_level(logging.INFO):
        train(what, gpt2_folder, target)
    assert f"Going on with step {STEPS[what] + 1}." in caplog.text
    expected, found = (load_file(folder / "model.safetensors") for folder in (undisturbed, target))
    assert expected.keys() == found.keys()
    assert all((expected[name] == found[name]).all() for name in expected)
    curves = [next(folder.glob("curve-*.json")).read_bytes() for folder in (undisturbed, target)]
    assert curves[0] == curves[1]
    assert not versions.work_folder(target).exists()
