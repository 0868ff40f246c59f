"""The private model: what its release and public texts say, in the closed form of EASE."""

import numpy as np
import polars as pl
import pytest

from chatrec.data.user_batch import UserBatch
from chatrec.features.catalogue import features_of
from chatrec.models import private_ease
from chatrec.models.private_ease import Directions
from chatrec.privacy.noise import Noise
from chatrec.privacy.statistics import make
from tests.support.people import IDS, ITEMS, histories, population

NOISE = Noise(b"a key of the test").about(b"data")


def catalogue() -> Directions:
    """Titles name the half of the catalogue that an item is of."""
    words = ("rocket star galaxy orbit", "bread pasta oven pepper")
    titles = [f"{words[row // (ITEMS // 2)]} {row}" for row in range(ITEMS)]
    items = pl.DataFrame({"item_id": IDS, "title": titles, "groups": [[]] * ITEMS, "available": [True] * ITEMS})
    return Directions.of(features_of(items.with_columns(pl.col("groups").cast(pl.List(pl.String)))), ITEMS)


def test_it_is_ease_of_what_it_keeps() -> None:
    """Every item but oneself, regressed on all others: compared with an inverse."""
    people = histories(population(200, np.random.default_rng(0)))
    release = make(people, IDS, 1.0, NOISE)
    model = private_ease.fit(release, catalogue())
    own = np.square(model.event_vectors).sum(1)
    share = np.einsum("iw,iw->i", model.event_vectors, model.items)
    assert (own <= 1 + 1e-6).all()
    penalty = private_ease.DEFAULT.l2 * np.trace(release.pairs)
    shrunk = np.linalg.pinv(model.event_vectors) @ (model.items / (1 + share)[:, None])
    values = np.diag(shrunk) * penalty / (1 - np.diag(shrunk))
    kept = model.event_vectors.astype(np.float64) * values @ model.event_vectors.T
    inverse = np.linalg.inv(kept + penalty * np.eye(ITEMS))
    wanted = -inverse / np.diag(inverse)[None, :]
    found = model.event_vectors @ model.items.T
    np.fill_diagonal(wanted, 0)
    np.fill_diagonal(found, 0)
    assert found == pytest.approx(wanted, abs=1e-3)


def test_under_noise_it_knows_who_takes_what() -> None:
    people = histories(population(3_000, np.random.default_rng(0)))
    model = private_ease.fit(make(people, IDS, 4.2, NOISE), catalogue())
    batch = UserBatch(people, np.arange(100), np.ones(ITEMS, bool), True)
    scores = np.where(batch.exclude_mask, -np.inf, model.score(batch))
    best = scores.argmax(1)
    assert (best // (ITEMS // 2) == np.arange(100) % 2).mean() > 0.95


def test_texts_tell_of_an_item_that_is_new() -> None:
    people = histories(population(3_000, np.random.default_rng(0)))
    new = 3
    known = np.delete(IDS, new)
    rows = [each[each != new] - (each[each != new] > new) for each in population(3_000, np.random.default_rng(0))]
    release = make(histories(rows), known, 4.2, NOISE).onto(IDS)
    assert new not in release.paired
    model = private_ease.fit(release, catalogue())
    scores = model.score(UserBatch(people, np.arange(100), np.ones(ITEMS, bool), True))[:, new]
    assert scores[::2].mean() > scores[1::2].mean() + scores.std() / 2


def test_what_events_add_comes_to_the_score() -> None:
    people = histories(population(50, np.random.default_rng(0)))
    model = private_ease.fit(make(people, IDS, 1.0, NOISE), catalogue())
    users = np.arange(10)
    latest = people.latest(users, 20)
    items = np.tile(np.arange(ITEMS), (10, 1))
    added = model.contributions(latest, people.latest_ages(users, 20), items).sum(2)
    assert added == pytest.approx(model.score(UserBatch(people, users, np.ones(ITEMS, bool), True)), abs=1e-4)
