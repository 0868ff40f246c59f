"""Size of the network and length of its training, from the size of the data and the time budget."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from chatrec.aigc.net import NetConfig
from chatrec.config.aigc import AigcConfig, NetPrecision
from chatrec.config.ranking import Target
from chatrec.data.interactions import Interactions
from chatrec.runs.sealed import recover_json, write_json
from chatrec.runtime.hardware import has_bfloat16

FEW_EVENTS = 300_000
SHORT_HISTORIES = 20
"""Average length of a history below which many epochs overfit."""
GROUPS_FROM = 5_000
"""Number of items from which the output has two levels. Below it, one softmax learns more in the same time."""
PASSES, PASSES_OF_SHORT, PASSES_OF_ANY = 20, 5, 3
"""Epochs. If order carries no information, the network adds nothing, and its vectors serve groups and explanations."""
NETS_OF_FEW = 4
"""Number of networks for few events. Averaging networks with different seeds reduces overfitting."""
LOW_RATE, HIGH_RATE = 2e-3, 4e-3
"""Learning rates. The high one overfits few events or short histories."""
HEADS = 4
RATES = "rates.json"


@dataclass(frozen=True)
class Plan:
    """Configuration of a training."""

    shape: NetConfig
    ahead: tuple[float, ...]
    """Weights of the next events that a position predicts."""
    tokens: int
    """Number of events in a batch."""
    passes: float
    """Epochs per network."""
    groups: int
    """Number of groups of the output layer; 0 for one softmax over all items."""
    rate: float = LOW_RATE
    """Learning rate of all parameters but matrices."""
    precision: torch.dtype = torch.float32
    """Precision of matrix products."""
    networks: int = 1
    """Maximum number of networks. Each is trained for all its epochs, or only one is trained."""


def plan(histories: Interactions, items: int, settings: AigcConfig, target: Target) -> Plan:
    """Returns the plan, before the time budget."""
    few = len(histories.items) < FEW_EVENTS
    short = len(histories.items) < SHORT_HISTORIES * max(int((histories.lengths > 0).sum()), 1)
    width = settings.width or (64 if few else 128)
    shape = NetConfig(
        width,
        heads=HEADS if width % HEADS == 0 else 1,
        window=settings.history or (64 if short else 128),
        dropout=0.2 if few or short else 0.1,
        input_dropout=0.1 if few else 0.0,
    )
    groups = settings.output == "groups" or (settings.output == "auto" and items >= GROUPS_FROM)
    return Plan(
        shape,
        (1.0, 0.4, 0.16) if few else (1.0,),
        2048 if few else 4096,
        settings.epochs or (PASSES_OF_ANY if target == "random" else PASSES_OF_SHORT if short else PASSES),
        max(1, round(items**0.5)) if groups else 0,
        LOW_RATE if few or short else HIGH_RATE,
        torch.bfloat16 if _is_rounded(settings.precision) else torch.float32,
        settings.networks or (NETS_OF_FEW if few and target != "random" else 1),
    )


def _is_rounded(precision: NetPrecision) -> bool:
    return precision == "bfloat16" or (precision == "auto" and has_bfloat16())


def cached_rate(file: Path, plan: Plan, items: int, measure: Callable[[], float]) -> float:
    """Returns the training speed in events per second, measured once and then stored.

    Args:
        file: RATES of the artifact root.
        plan: Plan of the training.
        items: Number of items.
        measure: Measures the speed.
    """
    shape = plan.shape
    size = f"{shape.width} wide, window {shape.window}, {items} items, {plan.groups} groups"
    key = f"{size}, {str(plan.precision).removeprefix('torch.')}, {torch.get_num_threads()} threads"
    rates = recover_json(file) or {}
    if key not in rates:
        rates[key] = round(measure())
        write_json(file, rates)
    return float(rates[key])
