"""Intervals by bootstrap: they hold the mean, and shrink where the comparison is paired."""

import numpy as np
import pytest

from chatrec.evaluation import metrics


def test_paired_difference() -> None:
    random = np.random.default_rng(0)
    base = random.random(2000)
    mean, low, high = metrics.paired_difference(base + 0.05 + random.normal(size=2000) * 0.1, base, 0)
    assert low < mean < high
    assert low > 0.04
    assert metrics.paired_difference(base, base, 0) == (0, 0, 0)
    assert metrics.paired_difference(np.empty(0), np.empty(0), 0) == (0, 0, 0)


def test_an_interval_is_about_two_standard_errors_wide() -> None:
    values = np.random.default_rng(1).random(1000)
    mean, low, high = metrics.interval(values, 0)
    assert mean == values.mean()
    error = values.std() / np.sqrt(1000)
    assert (high - mean) / error == pytest.approx(1.96, abs=0.2)
    assert (mean - low) / error == pytest.approx(1.96, abs=0.2)
    assert metrics.interval(np.empty(0), 0) == (0, 0, 0)
