"""Prices: providers get what they are owed, at the least cost, and nobody is priced without need."""

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from chatrec.data.arrays import top_k
from chatrec.errors import SettingsError
from chatrec.evaluation.metrics import discounts
from chatrec.ranking.fairness.exposure_duals import CLOSE, HIGHEST, Sample, find_prices
from chatrec.ranking.fairness.providers import Providers, share_of

PLACES = 5


def market(providers: int, users: int = 400, items: int = 60, seed: int = 0) -> tuple[Sample, Providers]:
    """Everybody's chances, the first providers with better items, the last ones with worse."""
    random = np.random.default_rng(seed)
    owners = np.arange(items) % providers
    quality = -1.5 * owners / providers
    scores = quality + random.normal(size=(users, items)) * 1.2
    scores -= np.log(np.exp(scores).sum(1, keepdims=True))
    shares = csr_matrix((np.ones(items), (np.arange(items), owners)), shape=(items, providers))
    rows = np.broadcast_to(np.arange(items, dtype=np.int32), scores.shape)
    made = Providers([f"p{number}" for number in range(providers)], shares)
    return Sample(rows, scores, lambda said: top_k(said, PLACES)), made


def shares(sample: Sample, providers: Providers, prices: np.ndarray) -> np.ndarray:
    return share_of(sample.exposed(providers, providers.shares @ prices)[0])


@given(st.integers(2, 12), st.floats(0.5, 0.95), st.integers(0, 5))
@settings(max_examples=15)
def test_every_provider_gets_its_share_of_merit(number: int, part: float, seed: int) -> None:
    sample, providers = market(number, seed=seed)
    owed = part * sample.merit(providers)
    prices = find_prices(sample, providers, owed)
    got = shares(sample, providers, prices)
    assert (got >= owed * 0.99).all()
    unneeded = shares(sample, providers, np.zeros(number)) >= owed * 1.2
    assert (prices[unneeded & (got > owed * 1.2)] == 0).all()


def test_nothing_owed_costs_nothing() -> None:
    sample, providers = market(6)
    assert not find_prices(sample, providers, np.zeros(6)).any()
    assert not find_prices(sample, providers, 0.1 * sample.merit(providers)).any()


def test_the_lists_are_worth_the_most_that_is_possible() -> None:
    """By duality: no lists that keep the constraint are worth more than the dual at the prices."""
    sample, providers = market(4, users=800)
    owed = 0.9 * sample.merit(providers)
    prices = find_prices(sample, providers, owed)
    total = len(sample.items) * discounts(PLACES).sum()
    exposure, worth = sample.exposed(providers, providers.shares @ prices)
    bound = worth + float(prices @ exposure) - float(prices @ owed) * total
    assert worth == pytest.approx(bound, rel=0.002)
    _, free = sample.exposed(providers, np.zeros(60))
    assert bound < free


def test_a_penalty_goes_no_higher_than_its_strength() -> None:
    sample, providers = market(5)
    owed = sample.merit(providers)
    hard = find_prices(sample, providers, owed)
    soft = find_prices(sample, providers, owed, highest=0.2)
    assert hard.max() > 0.2 == soft.max()
    lack = [float(np.maximum(owed - shares(sample, providers, each), 0).sum()) for each in (np.zeros(5), soft, hard)]
    assert lack[0] > lack[1] > lack[2]


def test_who_has_nothing_that_anybody_may_have_does_not_upset_the_others() -> None:
    sample, providers = market(4)
    scores = np.where(np.asarray(providers.shares[:, [3]].todense()).ravel() > 0, -np.inf, sample.scores)
    without = Sample(sample.items, scores, sample.first)
    owed = 0.8 * np.array([0.25, 0.25, 0.25, 0.25])
    prices = find_prices(without, providers, owed)
    got = shares(without, providers, prices)
    assert got[3] == 0
    assert (got[:3] >= owed[:3] * (1 - 2 * CLOSE)).all()
    assert prices[:3].max() < HIGHEST


def test_merit_is_the_chance_to_be_taken() -> None:
    items = np.array([[0, 1, -1], [1, 2, 0]], np.int32)
    scores = np.log(np.array([[0.6, 0.2, 1], [0.5, 0.25, 0.25]]))
    scores[0, 2] = -np.inf
    owners = csr_matrix((np.ones(3), (np.arange(3), [0, 1, 1])), shape=(3, 2))
    sample = Sample(items, scores, lambda said: top_k(said, 2))
    assert sample.merit(Providers(["a", "b"], owners)) == pytest.approx([0.5, 0.5])


def test_exposure_counts_places_and_splits_items_of_several_providers() -> None:
    owners = csr_matrix(np.array([[1, 0], [0.5, 0.5]]))
    found = Providers(["a", "b"], owners).mass(np.array([[0, 1], [1, -1]]), np.array([[1, 0.5], [1, 0.5]]))
    assert found == pytest.approx([1 + 0.25 + 0.5, 0.25 + 0.5])
    assert list(itertools.accumulate(discounts(3))) == pytest.approx([1, 1.63093, 2.13093], abs=1e-5)


def test_providers_are_the_values_of_a_column_or_the_groups() -> None:
    items = pl.DataFrame(
        {"item_id": [1, 2, 3], "title": ["a", "b", "c"], "groups": [["x", "y"], ["y"], []], "seller": ["B", None, "A"]}
    )
    sellers = Providers.of(items, "seller")
    assert sellers.names == ["A", "B"]
    assert sellers.shares.toarray().tolist() == [[0, 1], [0, 0], [1, 0]]
    groups = Providers.of(items, "groups")
    assert groups.names == ["x", "y"]
    assert groups.shares.toarray().tolist() == [[0.5, 0.5], [0, 1], [0, 0]]
    with pytest.raises(SettingsError, match=r"fairness.attribute.*asks for sellr, which source.items does not give"):
        Providers.of(items, "sellr")
