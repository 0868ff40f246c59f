"""Learning item vectors and the net that reads them, so that each event of a history predicts those after it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from chatrec.aigc.net import SequenceNet
from chatrec.aigc.plan import Plan, remembered
from chatrec.aigc.softmax import FullSoftmax, GroupSoftmax, Members
from chatrec.aigc.state import Fitted, GroupOutput
from chatrec.aigc.users import SequenceUsers
from chatrec.aigc.windows import Batch, batches
from chatrec.channels.factors import clusters, ppmi_vectors, unit
from chatrec.progress import progress
from chatrec.source.snapshot import Array, Histories

LEARNING_RATE = 2e-3
WARM_UP = 0.05
CLIP = 1.0
STEPS_TO_MEASURE = 12


class Vectors(nn.Module):
    """Everything of the output layer, and with it the input: item vectors, their bias, and the groups.

    Args:
        start: items × width.
        shares: of each item in all events.
        groups: of the output layer; 0 for none.
        seed: of the groups.
    """

    def __init__(self, start: Array, shares: Array, groups: int, seed: int) -> None:
        super().__init__()
        self.items = nn.Parameter(torch.from_numpy(start.copy()))
        self.bias = nn.Parameter(torch.from_numpy(np.log(shares).astype(np.float32)))
        self.members = Members.of(clusters(unit(start), min(groups, len(start)), seed)[0]) if groups else None
        if self.members is not None:
            members = [rows.numpy() for rows in self.members.items]
            of_groups = [(start[rows].mean(0), np.log(shares[rows].sum())) for rows in members]
            self.groups = nn.Parameter(torch.tensor(np.array([vector for vector, _ in of_groups]), dtype=torch.float32))
            self.group_bias = nn.Parameter(torch.tensor([share for _, share in of_groups], dtype=torch.float32))

    def loss(self, hidden: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Σ w · -log P(y|u)."""
        if self.members is None:
            found: Tensor = FullSoftmax.apply(hidden, self.items, self.bias, targets, weights)  # type: ignore[no-untyped-call]
        else:
            found = GroupSoftmax.apply(  # type: ignore[no-untyped-call]
                hidden, self.items, self.bias, self.groups, self.group_bias, self.members, targets, weights
            )
        return found


@dataclass
class Training:
    """Everything that changes while a net learns."""

    net: SequenceNet
    vectors: Vectors
    histories: Histories
    plan: Plan
    steps: int

    def __post_init__(self) -> None:
        self.parameters = [*self.net.parameters(), *self.vectors.parameters()]
        self.optimiser = torch.optim.AdamW(self.parameters, lr=LEARNING_RATE, betas=(0.9, 0.98))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._rate)
        self.items = torch.from_numpy(self.histories.items.astype(np.int64))
        self.ends = torch.from_numpy(np.repeat(self.histories.starts[1:], self.histories.lengths))

    def run(self, events: int, seed: int) -> Iterator[tuple[Batch, float]]:
        """Steps through random passes until so many events were read; yields each batch with its loss.

        There must be an event with another after it, if any are to be read.
        """
        random = np.random.default_rng(seed)
        read = 0
        while read < events:
            for batch in batches(self.histories, self.plan.shape.window, self.plan.tokens, random):
                yield batch, self.step(batch)
                read += int(batch.there.sum())
                if read >= events:
                    return

    def step(self, batch: Batch) -> float:
        """One step; returns the mean loss of a position."""
        self.net.train()
        positions, there = torch.from_numpy(batch.positions), torch.from_numpy(batch.there)
        vectors = functional.embedding(self.items[positions], self.vectors.items)
        hidden, positions = self.net(vectors, there)[there], positions[there]
        after = positions[:, None] + torch.arange(1, len(self.plan.ahead) + 1)
        rows, ahead = (after < self.ends[positions][:, None]).nonzero(as_tuple=True)
        targets = self.items[after[rows, ahead]]
        several = hidden if len(self.plan.ahead) == 1 else hidden[rows]
        loss = self.vectors.loss(several, targets, torch.tensor(self.plan.ahead)[ahead]) / len(positions)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, CLIP)
        self.optimiser.step()
        self.schedule.step()
        return float(loss.detach())

    def _rate(self, step: int) -> float:
        """Up to 1 during the warm-up, then down to 0 along a cosine."""
        done = step / max(self.steps, 1)
        return min(1.0, (step + 1) / (WARM_UP * self.steps + 1)) * 0.5 * (1 + float(np.cos(np.pi * min(done, 1.0))))


def fit(histories: Histories, items: int, plan: Plan, seed: int, minutes: float, rates: Path) -> Fitted:
    """Learns as long as the plan says, or as the time allows if that is shorter.

    Args:
        histories: to learn from.
        items: how many there are.
        plan: of the net.
        seed: of the weights, the order, and what is dropped.
        minutes: that learning may take on this machine.
        rates: a file that remembers how fast machines like this one learn: so the same data give the same vectors.
    """
    start = ppmi_vectors(histories, items, plan.shape.width, seed)
    positions = int(np.maximum(histories.lengths - 1, 0).sum())
    wanted = 0
    if positions:
        rate = remembered(rates, plan, items, lambda: _measure_rate(_begin(histories, start, plan, 1, seed), seed))
        wanted = int(min(plan.passes * positions, 60 * minutes * rate))
    training = _begin(histories, start, plan, -(-wanted // plan.tokens), seed)
    with progress("Learning to read histories", wanted, "events") as shown:
        for batch, loss in training.run(wanted, seed):
            shown.advance(int(batch.there.sum()), f"loss {loss:.3f}")
    vectors = training.vectors
    arrays = {name: each.detach().numpy() for name, each in vectors.named_parameters()}
    output = None
    if vectors.members is not None:
        output = GroupOutput(vectors.members.group_of.numpy(), arrays["groups"], arrays["group_bias"])
    return Fitted(arrays["items"], arrays["bias"], SequenceUsers(training.net), output, wanted / max(positions, 1))


def _begin(histories: Histories, start: Array, plan: Plan, steps: int, seed: int) -> Training:
    torch.manual_seed(seed)
    popular = np.bincount(histories.items, minlength=len(start)) + 0.5
    vectors = Vectors(start, popular / popular.sum(), plan.groups, seed)
    return Training(SequenceNet(plan.shape), vectors, histories, plan, steps)


def _measure_rate(training: Training, seed: int) -> float:
    """Events a second."""
    since, done = time.monotonic(), 0
    for number, (batch, _) in enumerate(training.run(STEPS_TO_MEASURE * training.plan.tokens, seed)):
        if number == 0:
            since = time.monotonic()
        else:
            done += int(batch.there.sum())
    return done / max(time.monotonic() - since, 1e-9)
