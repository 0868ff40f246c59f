"""The training loop: steps, evaluations on held-out items, early stopping, checkpoints.

A step depends on the weights, the optimiser's state and its number: batches and dropout are drawn from the seed and the
number. A checkpoint holds exactly these, so a killed training resumes and ends with the same weights.
"""

import logging
import math
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chatrec.config.finetune import Precision
from chatrec.encoder.training.history import Curve
from chatrec.errors import RunError
from chatrec.runs.sealed import sealed, sealing
from chatrec.runtime.hardware import has_bfloat16
from chatrec.runtime.progress import progress
from chatrec.runtime.schedule import warm_cosine

LOG = logging.getLogger(__name__)
SECONDS_BETWEEN_CHECKPOINTS = 120.0
WARM_UP = 0.05
"""Share of the steps with a rising learning rate."""
LONGEST_GRADIENT = 1.0
WEIGHT_DECAY = 0.01
STATE, BEST = "state.pt", "best.pt"


class Objective(nn.Module):
    """A training objective, which holds the model and the data."""

    def forward(self, number: int) -> Tensor:
        """Loss of batch `number` in nats. The same number always gives the same batch."""
        raise NotImplementedError

    def held_out(self) -> float | None:
        """Loss on items that are in no batch; None if there are none."""
        raise NotImplementedError


@dataclass(frozen=True)
class Plan:
    """Hyperparameters of a training."""

    steps: int
    """Maximum number of steps."""
    learning_rate: float
    seed: int
    accumulate: int = 1
    """Batches of a step, whose gradients are accumulated."""
    eval_every: int = 0
    """Steps between evaluations on held-out items. 0 disables them, and the last weights are kept."""
    patience: int = 0
    """Evaluations without improvement until training stops. The weights of the best evaluation are kept."""
    precision: Precision = "auto"


def fit(objective: Objective, plan: Plan, work: Path, identity: str, label: str) -> Curve:
    """Train the weights that require a gradient, in place.

    Args:
        objective: Training objective.
        plan: Hyperparameters.
        work: Folder of the checkpoints. A checkpoint of the same training is resumed.
        identity: Fingerprint of the training data. A checkpoint with another one is ignored.
        label: Label of the progress.

    Raises:
        RunError: If the loss is not finite.
    """
    training = _Training(objective, plan, work, identity)
    saved = time.monotonic()
    with progress(label, plan.steps, "steps") as shown:
        shown.advance(training.step)
        training.look()
        while not training.finished:
            training.advance()
            training.look()
            shown.advance(note=training.curve.note)
            if time.monotonic() - saved >= SECONDS_BETWEEN_CHECKPOINTS:
                training.save()
                saved = time.monotonic()
    training.save()
    training.take_best()
    LOG.info("%s: %s", label, training.curve.line())
    return training.curve


def mixed_precision(device: torch.device, wanted: Precision) -> torch.dtype:
    """Data type of matrix products.

    Weights and optimiser state stay float32 (Micikevicius et al. 2018, Mixed precision training). "auto" takes bfloat16
    where CPU or GPU support it natively, float16 on an older GPU, and float32 elsewhere.
    """
    if wanted != "auto":
        dtype: torch.dtype = getattr(torch, wanted)
        return dtype
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if device.type == "cpu" and has_bfloat16() else torch.float32


def rate_at(step: int, plan: Plan) -> float:
    """Learning rate of a step: the cosine decay begins when the warm-up is over."""
    rising = int(WARM_UP * plan.steps)
    return warm_cosine(step, plan.steps, rising, rising, plan.learning_rate)


def state_of(seed: int, number: int) -> int:
    """Derive a seed from the seed of a run and a number."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


class _Training:
    """State of a training between two steps."""

    def __init__(self, objective: Objective, plan: Plan, work: Path, identity: str) -> None:
        self.objective, self.plan, self.work = objective, plan, work
        self.mark = {"identity": identity, **asdict(plan)}
        self.weights = {name: weight for name, weight in objective.named_parameters() if weight.requires_grad}
        self.device = next(iter(self.weights.values())).device
        self.dtype = mixed_precision(self.device, plan.precision)
        self.optimiser = torch.optim.AdamW(self.weights.values(), plan.learning_rate, weight_decay=WEIGHT_DECAY)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype is torch.float16)
        self.curve = Curve()
        work.mkdir(parents=True, exist_ok=True)
        self._resume()

    @property
    def step(self) -> int:
        return len(self.curve.loss)

    @property
    def finished(self) -> bool:
        return self.step >= self.plan.steps or bool(
            self.plan.patience and self.curve.evaluations_since_best >= self.plan.patience
        )

    def advance(self) -> None:
        """Do one step: accumulate the gradients of its batches and update the weights."""
        self.objective.train()
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(self.step, self.plan)
        self.optimiser.zero_grad()
        total = 0.0
        for number in range(self.step * self.plan.accumulate, (self.step + 1) * self.plan.accumulate):
            torch.manual_seed(state_of(self.plan.seed, number))
            with self._cast():
                loss = self.objective(number) / self.plan.accumulate
            self.scaler.scale(loss).backward()
            total += loss.item()
        if not math.isfinite(total):
            raise RunError(f"The loss of step {self.step + 1} is {total}: train with a lower learning rate.")
        self.scaler.unscale_(self.optimiser)
        nn.utils.clip_grad_norm_(self.weights.values(), LONGEST_GRADIENT)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.curve.loss.append(total)

    def look(self) -> None:
        """Evaluate on held-out items when due, and save the weights if they are the best so far."""
        every = self.plan.eval_every
        if not every or (self.step % every and self.step < self.plan.steps):
            return
        if self.curve.held_out and self.curve.held_out[-1][0] == self.step:
            return
        self.objective.eval()
        with self._cast():
            loss = self.objective.held_out()
        if loss is None:
            return
        self.curve.held_out.append((self.step, loss))
        if self.curve.evaluations_since_best == 0:
            self._write(BEST, {name: weight.detach() for name, weight in self.weights.items()})

    def save(self) -> None:
        """Write a checkpoint."""
        state = {
            "mark": self.mark,
            "weights": {name: weight.detach() for name, weight in self.weights.items()},
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "curve": asdict(self.curve),
        }
        self._write(STATE, state)

    def take_best(self) -> None:
        """Load the weights of the best evaluation; without evaluations the last weights are kept."""
        if self.curve.held_out:
            self._take(self._read(BEST) or self._lost())

    def _resume(self) -> None:
        state = self._read(STATE)
        if state is None or state["mark"] != self.mark or (state["curve"]["held_out"] and self._read(BEST) is None):
            return
        self._take(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        self.curve = Curve.of(state["curve"])
        LOG.info("Resuming at step %s.", f"{self.step + 1:,}")

    def _take(self, weights: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(weights[name])

    def _write(self, name: str, values: object) -> None:
        with sealing(self.work / name) as partial:
            torch.save(values, partial)

    def _read(self, name: str) -> dict[str, Any] | None:
        """Values that were written; None if they are missing or damaged."""
        file = sealed(self.work / name)
        return torch.load(file, map_location=self.device, weights_only=True) if file else None

    def _lost(self) -> dict[str, Any]:
        raise RunError(f"{self.work / BEST} is gone: the same command trains again.")

    def _cast(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32)
