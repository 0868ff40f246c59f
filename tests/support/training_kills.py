"""A process that trains and is killed, by itself and for good, before a given step; checkpoints follow every step."""

import os
import signal
from pathlib import Path
from typing import Any

from chatrec.config.encoder import EncoderConfig, LocalGpt2
from chatrec.encoder import local_gpt2
from chatrec.encoder.training import loop
from chatrec.encoder.training.finetune import finetune
from tests.support import processes
from tests.support.trainings import material, settings, start, texts


def train(what: str, folder: Path, target: Path) -> None:
    """What is killed: `local`, `next-token` or a method of fine-tuning."""
    if what == "local":
        shape = LocalGpt2(layers=1, width=32, vocabulary=300, train_tokens=20_000)
        local_gpt2.train(texts(), target, EncoderConfig(max_tokens=16, device="cpu", local=shape), seed=1)
        return
    changes: dict[str, Any] = {"finetune__method": what, "finetune__steps": 12, "advanced__finetune__eval_every": 4}
    if what == "next-token":
        changes = {"advanced__finetune__tokens": 30_000, "finetune__steps": 0, "advanced__finetune__accumulate": 2}
    finetune(start(folder), material(), settings(target.parent, **changes), target)


def kill_before(step: int, what: str, folder: Path, target: Path) -> None:
    """Trains in a process that is killed."""
    ended = processes.run(_do, step, what, folder, target)
    assert ended.code == -signal.SIGKILL, ended


def _do(step: int, what: str, folder: Path, target: Path) -> None:
    advance = loop._Training.advance

    def do(training: loop._Training) -> None:
        if training.step == step:
            os.kill(os.getpid(), signal.SIGKILL)
        advance(training)

    loop._Training.advance = do  # type: ignore[method-assign, assignment]
    loop.SECONDS_BETWEEN_CHECKPOINTS = 0.0
    train(what, folder, target)
