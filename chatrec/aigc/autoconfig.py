"""How large a net is and how long it learns, from the size of the data and the time that it may take."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from chatrec.aigc.net import NetConfig
from chatrec.config.settings import Aigc as AigcSettings
from chatrec.config.settings import NetPrecision, Target
from chatrec.data.interactions import Interactions
from chatrec.runs.run import write_atomically
from chatrec.runtime.hardware import has_bfloat16

FEW_EVENTS = 300_000
SHORT_HISTORIES = 20
"""Where a history has fewer events on average, many passes learn it by heart."""
GROUPS_FROM = 5_000
"""Items from which the output has two levels: below, one softmax learns more in the same time."""
PASSES, PASSES_OF_SHORT, PASSES_OF_ANY = 20, 5, 3
"""Where order says nothing, a net that reads it adds nothing either; its vectors are for groups and reasons."""
NETS_OF_FEW = 4
"""Nets that differ in nothing but the seed agree on what the events say, and not on what each learned by heart."""
LOW_RATE, HIGH_RATE = 2e-3, 4e-3
"""The high one learns by heart what is few or short."""
HEADS = 4
RATES = "rates.json"


@dataclass(frozen=True)
class Plan:
    """One way to learn."""

    shape: NetConfig
    ahead: tuple[float, ...]
    """The weights of the next events that a position predicts."""
    tokens: int
    """Of a batch."""
    passes: float
    """Of a net."""
    groups: int
    """Of the output layer; 0 is one softmax over all items."""
    rate: float = LOW_RATE
    """Of learning, of everything but matrices."""
    precision: torch.dtype = torch.float32
    """In which matrices are multiplied."""
    nets: int = 1
    """At most: each learns all its passes, or there is one."""


def plan(histories: Interactions, items: int, settings: AigcSettings, target: Target) -> Plan:
    """The plan before time is taken into account."""
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
        settings.epochs or (PASSES_OF_ANY if target == "any" else PASSES_OF_SHORT if short else PASSES),
        max(1, round(items**0.5)) if groups else 0,
        LOW_RATE if few or short else HIGH_RATE,
        torch.bfloat16 if _is_rounded(settings.precision) else torch.float32,
        settings.nets or (NETS_OF_FEW if few and target != "any" else 1),
    )


def _is_rounded(precision: NetPrecision) -> bool:
    return precision == "bfloat16" or (precision == "auto" and has_bfloat16())


def remembered(file: Path, plan: Plan, items: int, measure: Callable[[], float]) -> float:
    """How many events a second such a plan learns: measured once, then remembered.

    Args:
        file: RATES of the artifact root.
        plan: of the net.
        items: of the catalogue.
        measure: measures it.
    """
    shape = plan.shape
    size = f"{shape.width} wide, window {shape.window}, {items} items, {plan.groups} groups"
    key = f"{size}, {str(plan.precision).removeprefix('torch.')}, {torch.get_num_threads()} threads"
    rates = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if key not in rates:
        rates[key] = round(measure())
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(rates, indent=1))
    return float(rates[key])
