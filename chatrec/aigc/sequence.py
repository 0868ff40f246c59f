"""Training of item vectors and of the network that reads them, to predict the next events of a history."""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from chatrec.aigc.autoconfig import Plan, cached_rate
from chatrec.aigc.batching import Batch, batches
from chatrec.aigc.muon import Muon
from chatrec.aigc.net import SequenceNet
from chatrec.aigc.softmax import Members, full_softmax, group_softmax
from chatrec.aigc.state import Fitted, GroupOutput
from chatrec.aigc.users import SequenceUsers
from chatrec.data.arrays import Array, unit
from chatrec.data.interactions import Interactions
from chatrec.models.ppmi_svd import clusters, ppmi_vectors
from chatrec.runtime.progress import progress
from chatrec.runtime.schedule import warm_cosine

RATE_OF_MATRICES = 0.02
WARM_UP = 0.05
CLIP = 1.0
CONTINUED = 0.25
"""Length of the training continued with the held-out events, as a share of the time before; it starts at this share of
the learning rate."""
STEPS_TO_MEASURE = 12


class Vectors(nn.Module):
    """Parameters of the output layer, shared with the input: item vectors, their bias, and the groups.

    Args:
        start: Initial item vectors, items × width.
        shares: Share of each item in all events.
        groups: Number of groups of the output layer; 0 for none.
        seed: Seed of the groups.
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
        """Returns Σ w · -log P(y|u)."""
        if self.members is None:
            return full_softmax(hidden, self.items, self.bias, targets, weights)
        return group_softmax(
            hidden, self.items, self.bias, self.groups, self.group_bias, self.members, targets, weights
        )


class Training:
    """State of the training of one network.

    Args:
        vectors: Initial parameters of the output layer.
        plan: Plan of the training.
        seed: Seed of the weights, the order, and dropout.
    """

    def __init__(self, vectors: Vectors, plan: Plan, seed: int) -> None:
        torch.manual_seed(seed)
        self.net, self.vectors = SequenceNet(plan.shape), vectors
        self.plan, self.seed = plan, seed
        self.parameters = [*self.net.parameters(), *self.vectors.parameters()]
        self.read = 0
        self.losses: list[tuple[int, float]] = []

    @cached_property
    def optimisers(self) -> tuple[torch.optim.Optimizer, ...]:
        """Optimisers of the matrices and of the other parameters. The first one of a process takes seconds to make."""
        matrices = self.net.matrices
        others = {*self.parameters} - {*matrices}
        rest = [parameter for parameter in self.parameters if parameter in others]
        return Muon(matrices, RATE_OF_MATRICES), torch.optim.AdamW(rest, self.plan.rate, betas=(0.9, 0.98))

    def fit(self, histories: Interactions, events: int, rate: float = 1.0) -> Fitted:
        """Trains on a number of events and returns the result.

        Args:
            histories: Histories to train on.
            events: Number of events, with repetitions.
            rate: Factor on the peak learning rate.
        """
        with progress("Training the sequence network", events, "events") as shown:
            for batch, loss in self.run(histories, events, rate):
                shown.advance(int(batch.mask.sum()), f"loss {loss:.3f}")
        arrays = {name: parameter.detach().numpy().copy() for name, parameter in self.vectors.named_parameters()}
        output = None
        if self.vectors.members is not None:
            group_of = self.vectors.members.group_of.numpy()
            output = GroupOutput(group_of, arrays["groups"], arrays["group_bias"])
        encoder = SequenceUsers((copy.deepcopy(self.net),))
        return Fitted(arrays["items"], arrays["bias"], encoder, output, self.read, tuple(self.losses))

    def run(self, histories: Interactions, events: int, rate: float = 1.0) -> Iterator[tuple[Batch, float]]:
        """Trains in random epochs until a number of events is read; yields each batch with its loss.

        Each epoch reads the events of a basket in another order, so that none is learned.

        If events are to be read, at least one must have a successor.
        """
        if events <= 0:
            return
        steps = -(-events // self.plan.tokens)
        self.schedules = [
            torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate * warm_cosine(step, steps, WARM_UP * steps))
            for optimiser in self.optimisers
        ]
        self.ends = torch.from_numpy(np.repeat(histories.starts[1:], histories.lengths))
        random = np.random.default_rng((self.seed, self.read))
        read = 0
        while read < events:
            self.items = torch.from_numpy(histories.shuffled(random).items.astype(np.int64))
            for batch in batches(histories, self.plan.shape.window, self.plan.tokens, random):
                loss = self.step(batch)
                read += int(batch.mask.sum())
                self.read += int(batch.mask.sum())
                self.losses.append((self.read, loss))
                yield batch, loss
                if read >= events:
                    return

    def step(self, batch: Batch) -> float:
        """Makes one step and returns the mean loss of a position."""
        self.net.train()
        positions, mask = torch.from_numpy(batch.positions), torch.from_numpy(batch.mask)
        vectors, precision = functional.embedding(self.items[positions], self.vectors.items), self.plan.precision
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            hidden = self.net(vectors, mask).to(precision)
        hidden, positions = hidden[mask], positions[mask]
        after = positions[:, None] + torch.arange(1, len(self.plan.ahead) + 1)
        rows, ahead = (after < self.ends[positions][:, None]).nonzero(as_tuple=True)
        targets = self.items[after[rows, ahead]]
        several = hidden if len(self.plan.ahead) == 1 else hidden[rows]
        loss = self.vectors.loss(several, targets, torch.tensor(self.plan.ahead)[ahead]) / len(positions)
        self.net.zero_grad()
        self.vectors.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, CLIP)
        for optimiser, schedule in zip(self.optimisers, self.schedules, strict=True):
            optimiser.step()
            schedule.step()
        return float(loss.detach())


def fit(
    histories: Interactions, everything: Interactions, items: int, plan: Plan, seed: int, minutes: float, rates: Path
) -> tuple[Fitted, Fitted]:
    """Trains as many networks as the plan has and the time allows, or one with fewer epochs.

    Args:
        histories: Histories to train on, without the held-out events.
        everything: Histories with the held-out events.
        items: Number of items.
        plan: Plan of the training.
        seed: Seed of the weights, the order, and dropout.
        minutes: Time budget on this machine.
        rates: File with the measured speed of machines like this one, so that the same data give the same vectors.

    Returns:
        The result without the held-out events, and the result after continued training with them.
    """
    start = ppmi_vectors(histories, items, plan.shape.width, seed)
    popular = np.bincount(histories.items, minlength=items) + 0.5

    def begin(net: int) -> Training:
        return Training(Vectors(start, popular / popular.sum(), plan.groups, seed), plan, seed + net)

    positions = int(np.maximum(histories.lengths - 1, 0).sum())
    wanted, networks = 0, 1
    if positions and minutes:
        rate = cached_rate(rates, plan, items, lambda: measure_rate(begin(0), histories, STEPS_TO_MEASURE))
        affordable = 60 * minutes * rate / (1 + CONTINUED)
        wanted = int(min(plan.passes * positions, affordable))
        networks = max(1, min(plan.networks, int(affordable / max(wanted, 1))))
    learned = [
        (training.fit(histories, wanted), training.fit(everything, int(CONTINUED * wanted), CONTINUED))
        for training in map(begin, range(networks))
    ]
    return joined([before for before, _ in learned]), joined([after for _, after in learned])


def joined(networks: Sequence[Fitted]) -> Fitted:
    """Joins networks with the same groups into one whose logits, of items and of groups, are their mean.

    The number of events read and the losses are those of the first network.
    """
    first = networks[0]
    encoders = [net.encoder for net in networks if isinstance(net.encoder, SequenceUsers)]
    outputs = [net.output for net in networks if net.output is not None]
    return replace(
        first,
        items=np.hstack([net.items for net in networks]),
        bias=np.mean([net.bias for net in networks], axis=0),
        encoder=SequenceUsers(tuple(net for encoder in encoders for net in encoder.networks)),
        output=replace(
            outputs[0],
            vectors=np.hstack([net.vectors for net in outputs]),
            bias=np.mean([net.bias for net in outputs], axis=0),
        )
        if outputs
        else None,
    )


def measure_rate(
    training: Training, histories: Interactions, steps: int, clock: Callable[[], float] = time.monotonic
) -> float:
    """Measures the speed in events per second of the clock, without the first step."""
    since, done = clock(), 0
    for number, (batch, _) in enumerate(training.run(histories, steps * training.plan.tokens)):
        since, done = (clock(), 0) if number == 0 else (since, done + int(batch.mask.sum()))
    return done / max(clock() - since, 1e-9)
