"""AIGC as the mission writes it: a planted structure is found."""

from collections.abc import Callable

import numpy as np
import pytest

from chatrec.aigc import mean as module
from chatrec.aigc.mean import fit
from chatrec.aigc.state import Fitted, learn_profiles
from chatrec.config.aigc import AigcConfig
from chatrec.data.interactions import Interactions
from chatrec.evaluation.holdout import Holdout, hold_out
from tests.support.histories import checkerboard

USERS, ITEMS = 120, 30


@pytest.fixture
def learn() -> Callable[..., tuple[Fitted, Holdout]]:
    def do(vectors: str = "learned", given: np.ndarray | None = None, epochs: int = 40) -> tuple[Fitted, Holdout]:
        holdout = hold_out(checkerboard(), np.ones(ITEMS, bool), True, "next_item", 0)
        settings = AigcConfig(vectors=vectors, width=8, history=6, epochs=epochs)
        return fit(holdout, np.eye(ITEMS, 8, dtype=np.float32) if given is None else given, settings, 0), holdout

    return do


def share_of_right_items(fitted: Fitted, holdout: Holdout) -> float:
    histories = holdout.histories
    users = np.arange(USERS)
    scores = fitted.encoder.read(fitted.items, histories.latest(users, 6)) @ fitted.items.T
    for user in users:
        scores[user, histories.of(user)] = -np.inf
    best = scores.argmax(1)
    return float((best % 2 == users % 2).mean())


def test_the_checkerboard_is_learned(learn: Callable[..., tuple[Fitted, Holdout]]) -> None:
    fitted, holdout = learn()
    assert share_of_right_items(fitted, holdout) == 1


def test_sampled_softmax_learns_it_too(
    learn: Callable[..., tuple[Fitted, Holdout]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FULL_SOFTMAX_BELOW", 1)
    monkeypatch.setattr(module, "NEGATIVES", 16)
    assert share_of_right_items(*learn()) == 1


@pytest.mark.parametrize("vectors", ["given", "both"])
def test_text_alone_and_text_beside_behaviour(learn: Callable[..., tuple[Fitted, Holdout]], vectors: str) -> None:
    """The text of an item says whether its number is even."""
    given = np.zeros((ITEMS, 3), np.float32)
    given[np.arange(ITEMS), np.arange(ITEMS) % 2] = 1
    assert share_of_right_items(*learn(vectors, given)) == 1


def test_without_events_there_are_vectors_all_the_same() -> None:
    nothing = Interactions(np.zeros(4, np.int64), *(np.empty(0, kind) for kind in (np.int32, np.float32, np.int64)))
    holdout = hold_out(nothing, np.ones(5, bool), True, "next_item", 0)
    fitted = fit(holdout, np.eye(5, 3, dtype=np.float32), AigcConfig(width=4), 0)
    assert fitted.items.shape == (5, 4)
    assert np.isfinite(fitted.items).all()


def test_profiles_predict_users() -> None:
    """Users whose profile says "even" have one vector, the others another."""
    profiles = np.eye(2, dtype=np.float32)[np.arange(200) % 2]
    users = np.where(profiles[:, :1] == 1, [[1.0, 0.0]], [[0.0, 1.0]]).astype(np.float32)
    learned = learn_profiles(profiles, users)
    predicted = np.hstack([profiles[:2], np.ones((2, 1))]) @ learned
    assert predicted[0, 0] > 0.9
    assert predicted[1, 1] > 0.9
