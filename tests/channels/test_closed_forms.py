"""Closed forms against the same written out by brute force, and a structure whose right answer is known."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatrec.block import Block
from chatrec.channels import ease, neighbours, popularity, ridge, transitions
from chatrec.channels.base import Channel
from chatrec.channels.files import load_channels, save_channels
from chatrec.channels.pairs import weighted_counts
from chatrec.channels.registry import Known, fit_channels
from chatrec.channels.text import Text
from chatrec.source.snapshot import Histories
from tests.source.test_snapshot import histories

ITEMS = 8
SOME = [[0, 1, 2, 1], [3], [], [4, 5, 6, 7, 0, 1], [2, 0], [5, 5, 5]]
lists_of_items = st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=7), min_size=1, max_size=5)


def block(made: Histories, exclude_seen: bool = True) -> Block:
    return Block(made, np.flatnonzero(made.lengths), np.ones(ITEMS, bool), exclude_seen)


def checkerboard(events: int = 12) -> Histories:
    """Even users take even items, odd users odd ones."""
    random = np.random.default_rng(0)
    return histories([random.permutation(np.arange(user % 2, 30, 2))[:events].tolist() for user in range(120)])


@given(lists_of_items, st.integers(1, 4))
def test_pairs_are_counted(of_users: list[list[int]], lags: int) -> None:
    expected = np.zeros((ITEMS, ITEMS))
    for one in of_users:
        for place, item in enumerate(one):
            for lag in range(1, lags + 1):
                if place + lag < len(one):
                    expected[item, one[place + lag]] += 1 / lag
    found = weighted_counts(histories(of_users), ITEMS, lambda lag: 1 / lag, lags)
    assert np.allclose(found.toarray(), expected)


@given(lists_of_items)
@settings(deadline=None, max_examples=25)
def test_ridge_is_the_regression_over_all_prefixes(of_users: list[list[int]]) -> None:
    made = ridge.fit(histories(of_users), ITEMS)
    inputs, targets = [], []
    for one in of_users:
        for end in range(1, len(one)):
            x = np.zeros((len(made.fades), ITEMS))
            for age, item in enumerate(reversed(one[:end])):
                x[:, item] += np.power(made.fades, age)
            inputs.append(x.ravel())
            targets.append(np.eye(ITEMS)[one[end]])
    X, Y = np.array(inputs).reshape(-1, ITEMS * len(made.fades)), np.array(targets).reshape(-1, ITEMS)
    expected = np.linalg.solve(X.T @ X + ridge.PENALTY_OF_FEW * np.eye(X.shape[1]), X.T @ Y)
    assert np.allclose(made.weights.reshape(expected.shape), expected, atol=1e-5)


def test_ridge_with_three_fades(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest event alone is one of them: 0^0 is 1."""
    monkeypatch.setattr(ridge, "FEW_EVENTS", 0)
    monkeypatch.setattr(ridge, "PENALTY", ridge.PENALTY_OF_FEW)
    monkeypatch.setattr(ridge, "FADES_OF_FEW", ridge.FADES)
    for of_users in ([[0, 1, 2, 3, 4, 0, 1]], SOME):
        test_ridge_is_the_regression_over_all_prefixes.hypothesis.inner_test(of_users)


def test_ease_is_the_regression_of_each_item_on_all_others() -> None:
    """Column by column, min |X - XB|² + λ|B|² with a zero diagonal; histories of one length weigh the same."""
    made = histories([[0, 1, 2], [1, 2, 3], [0, 2, 4], [5, 6, 7], [5, 6, 0]])
    X = np.zeros((5, ITEMS))
    X[made.event_users, made.items] = 1
    found = ease.fit(made, ITEMS, 10.0)
    gram = X.T @ X
    gram += ease.DROPOUT / (1 - ease.DROPOUT) * np.diag(gram.diagonal()) + 10 * np.eye(ITEMS)
    for item in range(ITEMS):
        others = np.arange(ITEMS) != item
        expected = np.linalg.solve(gram[np.ix_(others, others)], (X.T @ X)[others, item])
        assert np.allclose(found[others, item], expected, atol=1e-5)
        assert found[item, item] == 0


def test_transitions_count_and_damp() -> None:
    made = transitions.fit(histories([[0, 1, 2]]), ITEMS)
    counts = {(0, 1): 1.0, (1, 2): 1.0, (0, 2): 0.5}
    rows, columns = {0: 1.5, 1: 1.0}, {1: 1.0, 2: 1.5}
    for (i, j), count in counts.items():
        expected = count * (rows[i] + 20) ** -0.9 * (columns[j] + 20) ** -0.3
        assert made.weights[i, j] == pytest.approx(expected, rel=1e-5)
    assert made.weights.nnz == 3


def test_recent_events_count_more() -> None:
    made = histories([[0], [1], [2]])  # at the times 0, 1, 2
    found = popularity.fit_recent(made, ITEMS, 0.5).weights
    assert found[:3].tolist() == pytest.approx([0.25, 0.5, 1])
    assert popularity.fit(made, ITEMS).weights[:4].tolist() == [1, 1, 1, 0]


def test_neighbours_by_hand() -> None:
    made = histories([[0, 1], [0, 2], [3, 4]])
    found = neighbours.fit(made, ITEMS).scores(block(made))
    rare, common = np.log(3 / 1) + 1e-3, np.log(3 / 2) + 1e-3
    likeness = (common**2 / (common**2 + rare**2)) ** 2
    assert found[0].tolist() == pytest.approx([likeness, 0, likeness, 0, 0, 0, 0, 0], rel=1e-4)
    assert not found[2].any()


@pytest.mark.parametrize("target", ["next", "period", "any"])
def test_every_channel_learns_the_checkerboard(target: str) -> None:
    """The best unseen item is of the right kind; popularity cannot know."""
    made = checkerboard()
    texts = np.zeros((30, 2), np.float32)
    texts[np.arange(30), np.arange(30) % 2] = 1
    fitted = fit_channels(Known(made, 30, texts), target, 10.0)  # type: ignore[arg-type]
    users = np.arange(120)
    everybody = Block(made, users, np.ones(30, bool), True)
    assert {"next": "ridge", "period": "ridge", "any": "neighbours"}[target] in fitted
    for name, channel in fitted.items():
        if not name.startswith("popular"):
            best = np.where(everybody.hidden, -np.inf, channel.scores(everybody)).argmax(1)
            assert (best % 2 == users % 2).all(), name


@given(lists_of_items)
@settings(deadline=None, max_examples=30)
def test_scores_are_the_sums_of_what_events_add(of_users: list[list[int]]) -> None:
    made = histories([*of_users, [1, 2]])
    mine = block(made)
    random = np.random.default_rng(0)
    texts = random.normal(size=(ITEMS, 3)).astype(np.float32)
    summed: list[Channel] = [transitions.fit(made, ITEMS), ridge.fit(made, ITEMS), Text(texts)]
    summed += [ease.Ease(ease.fit(made, ITEMS, 10.0), fade) for fade in (1.0, 0.8)]
    items = np.tile(np.arange(ITEMS), (len(mine.users), 1))
    for channel in summed:
        added = channel.added(made.latest(mine.users, 7), items)
        assert added is not None
        assert np.allclose(added.sum(2), channel.scores(mine), atol=0.03)  # negligible events are left out of scores


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    made = histories(SOME)
    fitted = fit_channels(Known(made, ITEMS, np.eye(ITEMS, 3, dtype=np.float32)), "period", 10.0)
    fitted["neighbours"] = neighbours.fit(made, ITEMS)
    save_channels(fitted, tmp_path)
    loaded = load_channels(tmp_path)
    assert list(loaded) == list(fitted)
    for name, channel in fitted.items():
        assert np.array_equal(loaded[name].scores(block(made)), channel.scores(block(made))), name
    assert len([file for file in tmp_path.glob("*.npy") if np.load(file).shape == (ITEMS, ITEMS)]) == 1  # EASE's, once
