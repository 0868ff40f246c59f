"""User vectors: read or composed, and what a composed one is."""

import numpy as np
import pytest

from chatrec.encoder.users import READ_AT_MOST, WEIGHTS_AT_MOST, compose, encodes_histories
from tests.support.histories import histories


def test_a_composed_vector_is_the_weighted_mean_and_the_profile() -> None:
    """Written out for three latest items of four: 1, 1/2, 1/3, the newest first."""
    items = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    profiles = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    profiles[2] = 0
    users = profiles.copy()
    compose(users, items, histories([[4, 0, 1, 2], [], [3]]), 3)
    mean = (items[2] + items[1] / 2 + items[0] / 3) / (1 + 1 / 2 + 1 / 3)
    expected = mean + profiles[0]
    assert users[0] == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)
    assert (users[1] == profiles[1]).all()
    assert users[2] == pytest.approx(items[3] / np.linalg.norm(items[3]), abs=1e-6)


def test_a_small_model_reads_few_users() -> None:
    assert encodes_histories("auto", WEIGHTS_AT_MOST, "cpu", READ_AT_MOST)
    assert not encodes_histories("auto", WEIGHTS_AT_MOST, "cpu", READ_AT_MOST + 1)
    assert not encodes_histories("auto", WEIGHTS_AT_MOST + 1, "cpu", READ_AT_MOST)
    assert encodes_histories("auto", WEIGHTS_AT_MOST + 1, "cuda", READ_AT_MOST + 1)
    assert encodes_histories("read", 1, "cpu", READ_AT_MOST + 1)
    assert not encodes_histories("compose", 1, "cuda", 1)
