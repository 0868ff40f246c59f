"""Membership inference on what is released: it wins without noise, and stays under the promise with it.

Carlini et al. 2022 (Membership inference attacks from first principles, arXiv:2112.03570): releases with and without
the target are made over and over, and a likelihood ratio tells which is which.
"""

import math

import numpy as np
import pytest

from chatrec.privacy import gaussian
from chatrec.privacy.noise import Noise
from chatrec.privacy.statistics import Release, make
from tests.support.people import IDS, ITEMS, histories, population

TRIALS, RATE, EPSILON, DELTA = 1_000, 0.05, 1.0, 1.1e-6
"""Half of the trials are with the target, half without."""
OTHERS = ["known", pytest.param("sampled", marks=pytest.mark.slow)]
"""What the attacker knows of them: everything, or who they are drawn from."""
NOTHING = np.empty(0, np.int32)
TARGET = np.array([0, 7, 13, 22, 35, 39])
"""Takes from both halves of the catalogue, which nobody else does."""


def statistic(release: Release, target: Release) -> float:
    """How much of the target's part is in a release: the logarithm of the likelihood ratio, but for two constants."""
    popular = release.popular @ target.popular / release.popularity_deviation**2
    pairs = np.sum(release.pairs.astype(np.float64) * target.pairs) / (2 * release.pairs_deviation**2)
    return float(popular + pairs)


def told_apart(deviation: float, others: str) -> float:
    """The share of releases with the target that are found when RATE of those without are taken for one.

    Args:
        deviation: of the noise.
        others: "known": the attacker knows everybody else; "sampled": knows who they are drawn from.
    """
    random = np.random.default_rng(0)
    pool = population(120, random)
    silent = 1e-6
    target = make(histories([TARGET]), IDS, silent, Noise(b"silent"))
    found: dict[bool, list[float]] = {True: [], False: []}
    for trial in range(TRIALS // 2):
        for member in (True, False):
            drawn = random.choice(len(pool), 60, replace=False) if others == "sampled" else range(60)
            people = histories([TARGET if member else NOTHING, *(pool[user] for user in drawn)])
            noise = Noise(b"of a trial").about(repr((trial, member)).encode())
            found[member].append(statistic(make(people, IDS, deviation, noise), target))
    threshold = np.quantile(found[False], 1 - RATE)
    return float(np.mean(np.array(found[True]) > threshold))


@pytest.fixture(scope="module")
def deviation() -> float:
    return gaussian.deviation_of(EPSILON, DELTA)


@pytest.mark.parametrize("others", OTHERS)
def test_it_wins_without_noise(others: str) -> None:
    assert told_apart(1e-6, others) >= 0.5


@pytest.mark.parametrize("others", OTHERS)
def test_it_stays_under_the_promise_with_noise(others: str, deviation: float) -> None:
    bound = math.exp(EPSILON) * RATE + DELTA
    error = 3 * math.sqrt(bound * (1 - bound) * 2 / TRIALS)
    error += math.exp(EPSILON) * 3 * math.sqrt(RATE * (1 - RATE) * 2 / TRIALS)
    assert told_apart(deviation, others) <= bound + error


def test_with_too_little_noise_it_would_be_seen(deviation: float) -> None:
    """The attack is strong enough to find a promise that is broken by a factor of six."""
    assert told_apart(deviation / 6, "known") > math.exp(EPSILON) * RATE + DELTA + 0.1


def test_the_target_takes_what_nobody_else_does() -> None:
    assert len(set(TARGET // (ITEMS // 2))) == 2
