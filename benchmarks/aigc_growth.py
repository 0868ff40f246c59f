"""Cost of a training step by catalogue size, for each output layer.

    python -m benchmarks.aigc --growth

Each cell runs in its own process: a few steps on synthetic histories, with items drawn by Zipf's law.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.child import Failed, run
from benchmarks.outputs import Full, Sampled, SampledInGroups, TwoLevels
from benchmarks.table import Table
from chatrec.aigc.autoconfig import Plan
from chatrec.aigc.net import NetConfig
from chatrec.aigc.sequence import Training
from chatrec.data.interactions import Interactions

OUTPUTS: dict[str, type[Full]] = {
    "full softmax": Full,
    "two levels": TwoLevels,
    "sampled softmax": Sampled,
    "two levels, sampled within": SampledInGroups,
}
SIZES = (3_000, 17_000, 100_000, 1_000_000)
USERS, EVENTS, WIDTH, TOKENS = 400, 129, 128, 4096
STEPS = 4
BYTES, SECONDS = 8_000_000_000, 90
"""Limits of a cell; a cell that exceeds one is not measured."""


def measure(sizes: tuple[int, ...] = SIZES) -> Table:
    """Measures all cells and prints the table."""
    title = "Training events per CPU second, in all and for the output layer alone, and peak memory"
    table = Table(title, {"output": 28, **{f"{size:,} items": 30 for size in sizes}})
    for name in OUTPUTS:
        table.add(name, *(_cell(name, size) for size in sizes))
    return table


def _cell(name: str, items: int) -> str:
    command = (sys.executable, "-m", "benchmarks.aigc_growth", "--output", name, "--items", items)
    try:
        finished = run(*command, timeout=SECONDS)
    except Failed as error:
        memory = "can't allocate memory" in str(error) or "MemoryError" in str(error)
        return f"– (over {BYTES / 1e9:.0f} GB)" if memory else f"– ({str(error).splitlines()[-1]})"
    step, layer = json.loads(finished.out)
    return f"{step:,.0f} · {layer:,.0f} · {finished.peak / 1e9:.1f} GB"


def rates(output: type[Full], items: int) -> tuple[float, float]:
    """Returns training events per CPU second, for whole steps and for the output layer alone."""
    random = np.random.default_rng(0)
    torch.manual_seed(0)
    shares = 1 / np.arange(1, items + 1)
    shares /= shares.sum()
    drawn = np.searchsorted(np.cumsum(shares), random.random(USERS * EVENTS)).clip(max=items - 1).astype(np.int32)
    starts = np.arange(0, len(drawn) + 1, EVENTS)
    histories = Interactions(starts, drawn, np.ones(len(drawn), np.float32), np.arange(len(drawn)))
    start = random.standard_normal((items, WIDTH), np.float32) * np.float32(0.05)
    groups = max(1, round(items**0.5))
    vectors = output(start, shares, random.permutation(items) % groups, 0)
    training = Training(vectors, Plan(NetConfig(WIDTH, window=EVENTS - 1), (1.0,), TOKENS, 1, groups), 0)
    batches = (int(batch.mask.sum()) for batch, _ in training.run(histories, (STEPS + 1) * TOKENS))
    step_rate = _rate(lambda: next(batches, 0))
    hidden = torch.randn(TOKENS, WIDTH, requires_grad=True)
    targets, weights = torch.from_numpy(drawn[:TOKENS].astype(np.int64)), torch.ones(TOKENS)

    def layer() -> int:
        vectors.zero_grad()
        vectors.loss(hidden, targets, weights).backward()
        return TOKENS

    return step_rate, _rate(layer)


def _rate(step: Callable[[], int]) -> float:
    """Returns events per CPU second, without the first step."""
    step()
    since = time.process_time()
    done = sum(step() for _ in range(STEPS))
    return done / max(time.process_time() - since, 1e-9)


def main() -> None:
    """Prints the rates of one cell as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", choices=list(OUTPUTS), required=True)
    parser.add_argument("--items", type=int, required=True)
    chosen = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_DATA, (BYTES, BYTES))
    print(json.dumps(rates(OUTPUTS[chosen.output], chosen.items)))


if __name__ == "__main__":
    main()
