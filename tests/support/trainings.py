"""A small catalogue of three kinds of things, people who take one kind, and settings that train in seconds."""

from pathlib import Path

import numpy as np

from chatrec.config import Settings
from chatrec.data.interactions import Interactions
from chatrec.encoder.model_selection import SelectedModel
from chatrec.encoder.training.finetune import Material
from tests.support.shop import KINDS

ITEMS, USERS, EVENTS = 120, 200, 10


def texts() -> list[str]:
    random = np.random.default_rng(0)
    kinds = [words.split() for words in KINDS.values()]
    return [" ".join(random.choice(kinds[item % 3], 3)) for item in range(ITEMS)]


def histories() -> Interactions:
    """A user takes things of one kind."""
    random = np.random.default_rng(1)
    items = np.concatenate([random.choice(np.arange(user % 3, ITEMS, 3), EVENTS) for user in range(USERS)])
    starts = np.arange(USERS + 1, dtype=np.int64) * EVENTS
    return Interactions(starts, items.astype(np.int32), np.ones(len(items), np.float32), np.arange(len(items)))


def material() -> Material:
    return Material(texts(), np.ones(ITEMS, bool), histories(), ["age: 20", "age: 30"])


def start(folder: Path) -> SelectedModel:
    """The encoder that is gone on with."""
    return SelectedModel("named", folder, "it is set")


def settings(folder: Path, **changes: object) -> Settings:
    """Settings of a training that takes seconds."""
    small = {
        "artifacts.root": folder,
        "encoder.device": "cpu",
        "advanced.encoder.max_tokens": 16,
        "advanced.encoder.pooling": "mean",
        "advanced.encoder.dimensions": 16,
        "finetune.steps": 30,
        "advanced.finetune.pairs": 32,
        "advanced.finetune.eval_every": 10,
        "advanced.finetune.learning_rate": 0.001,
        "compute.threads": 1,
    }
    return Settings().override({**small, **{key.replace("__", "."): value for key, value in changes.items()}})
