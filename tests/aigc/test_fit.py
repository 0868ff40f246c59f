"""Learning: a planted structure is found, and the held-out event is never seen."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from chatrec.aigc import fit as module
from chatrec.aigc.fit import Fitted, fit, user_vectors
from chatrec.aigc.model import Aigc
from chatrec.aigc.state import learn_profiles
from chatrec.holdout import HoldOut, hold_out_last
from chatrec.settings.model import Aigc as AigcSettings
from chatrec.source.snapshot import Histories

USERS, ITEMS, EVENTS = 120, 30, 12


def checkerboard() -> Histories:
    """Even users take even items, odd users odd ones: the right answer is known."""
    random = np.random.default_rng(0)
    items = [random.permutation(np.arange(user % 2, ITEMS, 2))[:EVENTS] for user in range(USERS)]
    starts = np.arange(0, USERS * EVENTS + 1, EVENTS)
    flat = np.concatenate(items).astype(np.int32)
    return Histories(starts, flat, np.ones(len(flat), np.float32), np.arange(len(flat)))


@pytest.fixture
def learn() -> Callable[..., tuple[Fitted, HoldOut]]:
    def do(vectors: str = "learned", given: np.ndarray | None = None, epochs: int = 40) -> tuple[Fitted, HoldOut]:
        holdout = hold_out_last(checkerboard(), np.ones(ITEMS, bool), True, 0)
        settings = AigcSettings(vectors=vectors, width=8, history=6, epochs=epochs)
        return fit(holdout, np.eye(ITEMS, 8, dtype=np.float32) if given is None else given, settings, 0), holdout

    return do


def share_of_right_items(fitted: Fitted, holdout: HoldOut) -> float:
    histories = holdout.histories
    users = np.arange(USERS)
    scores = user_vectors(fitted.items, histories.latest(users, 6)) @ fitted.items.T
    for user in users:
        scores[user, histories.of(user)] = -np.inf
    best = scores.argmax(1)
    return float((best % 2 == users % 2).mean())


def test_the_checkerboard_is_learned(learn: Callable[..., tuple[Fitted, HoldOut]]) -> None:
    fitted, holdout = learn()
    assert share_of_right_items(fitted, holdout) == 1
    assert fitted.held_out.mean() > 0.6  # 3 unseen items of the right kind are left: NDCG@10 of a coin toss is .7


def test_sampled_softmax_learns_it_too(
    learn: Callable[..., tuple[Fitted, HoldOut]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FULL_SOFTMAX_BELOW", 1)
    monkeypatch.setattr(module, "NEGATIVES", 16)
    assert share_of_right_items(*learn()) == 1


@pytest.mark.parametrize("vectors", ["given", "both"])
def test_text_alone_and_text_beside_behaviour(learn: Callable[..., tuple[Fitted, HoldOut]], vectors: str) -> None:
    """The text of an item says whether its number is even."""
    given = np.zeros((ITEMS, 3), np.float32)
    given[np.arange(ITEMS), np.arange(ITEMS) % 2] = 1
    fitted, holdout = learn(vectors, given)
    assert share_of_right_items(fitted, holdout) == 1
    assert (fitted.given is None) == (vectors == "given")


def test_the_held_out_event_is_not_trained_on() -> None:
    """Whatever the held-out events are, the same is learned."""
    learned = []
    for shift in (0, 7):
        histories = checkerboard()
        ends = histories.starts[1:] - 1
        histories.items[ends] = (histories.items[ends] + shift) % ITEMS
        holdout = HoldOut(histories, np.arange(USERS), histories.items[ends], np.ones(ITEMS, bool), False)
        torch.manual_seed(0)
        model = Aigc(ITEMS, 4, None, learned=True)
        module._Training(model, holdout, AigcSettings(width=4, history=6, epochs=2), 0).pass_over_events()
        learned.append(model.item_vectors().detach().numpy())
    assert np.abs(learned[0] - learned[1]).max() < 1e-4  # the order of sums may differ


def test_without_events_there_are_vectors_all_the_same() -> None:
    nothing = Histories(np.zeros(4, np.int64), *(np.empty(0, kind) for kind in (np.int32, np.float32, np.int64)))
    holdout = hold_out_last(nothing, np.ones(5, bool), True, 0)
    fitted = fit(holdout, np.eye(5, 3, dtype=np.float32), AigcSettings(width=4), 0)
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
