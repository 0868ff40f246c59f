"""Fine-tune an encoder: optional next-token prediction on the catalogue, then contrastive learning on interactions."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chatrec.config import Settings
from chatrec.config.finetune import Method
from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.encoder import registry
from chatrec.encoder.checkpoint import Checkpoint
from chatrec.encoder.model_selection import SelectedModel
from chatrec.encoder.training.contrastive import Contrastive, whitening_of
from chatrec.encoder.training.history import Curve
from chatrec.encoder.training.loop import Plan, fit
from chatrec.encoder.training.next_token import NextToken, block_length, blocks_of
from chatrec.encoder.training.pairs import Batch, Pairs
from chatrec.encoder.training.trainable import Learner, adapt
from chatrec.encoder.whitening import chosen
from chatrec.errors import RunError
from chatrec.runs.digests import fingerprint
from chatrec.runs.results import TrainingSummary

HELD_OUT = 0.1
"""Share of the items held out for early stopping."""
PAIRS_OF_A_LOOK = 512
RATES: dict[Method, float] = {"full": 5e-5, "lora": 2e-4, "bias": 1e-3}
"""Learning rates at GPT-2's width; they scale with the inverse of the width (Yang et al. 2022, arXiv:2203.03466)."""
WIDTH_OF_RATES = 768


@dataclass(frozen=True)
class Material:
    """Training data of a fine-tuning."""

    items: Sequence[str]
    """Texts of all items."""
    learnable: Array
    """bool for each item: whether it may be used in training."""
    histories: Interactions
    """Interactions with learnable items only."""
    users: Sequence[str]
    """Texts of users, which name no other items."""


def finetune(start: SelectedModel, material: Material, settings: Settings, target: Path) -> dict[str, TrainingSummary]:
    """Train a candidate and save it. A killed training is resumed.

    Args:
        start: The encoder to start from.
        material: Training data.
        settings: `finetune`, `encoder` and `compute.seed`.
        target: Folder to create.

    Returns:
        A summary of each training, by objective.

    Raises:
        RunError: If there is no training data.
    """
    wanted, seed, work = settings.finetune_config, settings.compute.seed, registry.work_folder(target)
    held_out = np.random.default_rng(seed).random(len(material.items)) < HELD_OUT
    learner = adapt(Learner.open(start.source, settings.encoder.device), wanted.method, wanted.lora_rank, seed)
    curves: dict[str, Curve] = {}
    if wanted.tokens:
        curves["next_token"] = _train_next_token(learner, material, held_out, settings, work / "next-token")
    if wanted.steps:
        with learner.reading(settings.encoder_config, start.pretrained) as reader:
            curves["pairs"] = _learn_pairs(reader, start.whitening, material, held_out, settings, work / "pairs")
    summaries = {name: curve.summary() for name, curve in curves.items()}
    with registry.creating(target, wanted.method, str(start.source), start.pretrained, summaries) as partial:
        learner.save(partial)
        for name, curve in curves.items():
            curve.save(partial, f"curve-{name.replace('_', '-')}")
    shutil.rmtree(work, ignore_errors=True)
    return summaries


def _train_next_token(learner: Learner, material: Material, held_out: Array, settings: Settings, work: Path) -> Curve:
    length = block_length(learner.model.config)
    kept = [text for text, good in zip(material.items, material.learnable & ~held_out, strict=True) if good]
    unseen = [text for text, good in zip(material.items, material.learnable & held_out, strict=True) if good]
    blocks = blocks_of(learner.tokenizer, [*kept, *material.users], length)
    held_out_blocks = blocks_of(learner.tokenizer, unseen, length) if unseen else blocks[:0]
    objective = NextToken(learner, blocks, held_out_blocks, settings.compute.seed)
    steps = settings.advanced.finetune.tokens // (objective.batch * length * settings.advanced.finetune.accumulate)
    return fit(objective, _plan(learner.model, settings, steps), work, fingerprint(kept, material.users), "Reading on")


def _learn_pairs(
    reader: Checkpoint,
    defaults: tuple[int, float],
    material: Material,
    held_out: Array,
    settings: Settings,
    work: Path,
) -> Curve:
    histories, texts, seed = material.histories, material.items, settings.compute.seed
    pairs = Pairs(histories.only(~held_out[histories.items]), len(texts))
    if not len(pairs.users):
        raise RunError(
            "No user interacted with two items that training may use: there is nothing to fine-tune an encoder on."
        )
    held_out_pairs = _held_out_pairs(Pairs(histories, len(texts)), held_out, seed)
    items = np.unique(pairs.histories.items)
    whitening = whitening_of(reader, texts, items, *chosen(settings.encoder_config, defaults), seed)
    objective = Contrastive(reader, texts, pairs, held_out_pairs, settings.advanced.finetune.pairs, whitening, seed)
    events = hashlib.sha256(pairs.histories.items.tobytes() + pairs.histories.starts.tobytes()).hexdigest()
    plan = _plan(reader.model, settings, settings.finetune.steps)
    return fit(objective, plan, work, fingerprint(texts, events), "Learning pairs")


def _held_out_pairs(pairs: Pairs, held_out: Array, seed: int) -> Batch:
    """Held-out items, each with a nearby item that is not held out."""
    random = np.random.default_rng(seed)
    histories = pairs.histories
    events = np.flatnonzero(held_out[histories.items] & (histories.lengths[histories.event_users] >= 2))
    candidates = pairs.beside(random.permutation(events)[: 4 * PAIRS_OF_A_LOOK], random)
    good = np.flatnonzero(~held_out[candidates.left])[:PAIRS_OF_A_LOOK]
    return Batch(candidates.users[good], candidates.left[good], candidates.right[good])


def _plan(model: Any, settings: Settings, steps: int) -> Plan:
    wanted = settings.finetune_config
    rate = wanted.learning_rate or RATES[wanted.method] * WIDTH_OF_RATES / model.config.hidden_size
    return Plan(
        steps, rate, settings.compute.seed, wanted.accumulate, wanted.eval_every, wanted.patience, wanted.precision
    )
