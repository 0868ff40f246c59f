"""Popularity of the last days: what counts, and when it says nothing."""

import numpy as np

from chatrec.data.interactions import Interactions
from chatrec.models import popularity
from chatrec.models.training_data import TrainingData

DAY = 86_400 * 1_000_000
NOW = 20_000 * DAY


def taken(days_ago: list[float], first: int = NOW) -> TrainingData:
    """One user; the n-th event takes item n and weighs n + 1."""
    events = len(days_ago)
    times = first - (np.array(days_ago) * DAY).astype(np.int64)
    weights = np.arange(1, events + 1).astype(np.float32)
    return TrainingData(Interactions(np.array([0, events]), np.arange(events, dtype=np.int32), weights, times), 5)


def test_only_the_last_days_before_the_newest_event_count() -> None:
    found = popularity.fit_last_days(taken([30, 7, 6.9, 0]), 7)
    assert found is not None
    assert found.weights.tolist() == [0, 0, 3, 4, 0]


def test_where_everything_is_that_new_there_is_nothing_to_tell_apart() -> None:
    assert popularity.fit_last_days(taken([6, 1, 0]), 7) is None
    assert popularity.fit_last_days(taken([]), 7) is None


def test_places_in_an_order_are_no_moments() -> None:
    """Numbered events look like the seconds after 1970."""
    assert popularity.fit_last_days(taken([30, 7, 0], first=40 * DAY), 7) is None
