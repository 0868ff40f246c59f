"""AIGC's formulas, against the same written out in NumPy float64."""

import numpy as np
import pytest
import torch
from torch import Tensor

from chatrec.aigc import formulas
from chatrec.aigc.groups import ItemGroups
from chatrec.aigc.state import group_vectors
from chatrec.aigc.users import MeanUsers

ITEMS, WIDTH, GIVEN = 7, 4, 5
GROUPS = [[0, 1, 2], [2, 3], [4, 5, 6]]
HISTORIES = [[0, 2, 2], [6], [1, 3, 5, 4]]


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(ITEMS, WIDTH))


def flat(sets: list[list[int]]) -> tuple[Tensor, Tensor]:
    starts = np.cumsum([0, *(len(one) for one in sets)])[:-1]
    return torch.tensor([item for one in sets for item in one]), torch.tensor(starts)


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def test_every_formula(vectors: np.ndarray) -> None:
    g = np.array([vectors[members].sum(0) / len(members) for members in GROUPS])
    u = np.array([vectors[history].sum(0) / len(history) for history in HISTORIES])
    a = softmax(u @ g.T)

    v = torch.from_numpy(vectors).float()
    found_g, found_u = formulas.mean_vectors(v, *flat(GROUPS)), formulas.mean_vectors(v, *flat(HISTORIES))
    found_a = formulas.attention(found_u, found_g)
    for found, expected in ((found_g, g), (found_u, u), (found_a, a)):
        assert found.shape == expected.shape
        assert np.abs(found.numpy() - expected).max() < 1e-6


def test_attention_is_a_probability(vectors: np.ndarray) -> None:
    v = torch.from_numpy(vectors).float()
    assert torch.allclose(formulas.attention(v, v[:3]).sum(1), torch.ones(ITEMS))


def test_attention_keeps_the_order(vectors: np.ndarray) -> None:
    """A softmax over products orders as the products do; the documents say the same of items."""
    v = torch.from_numpy(vectors).float()
    assert (formulas.attention(v, v).argsort(1) == (v @ v.T).argsort(1)).all()


def test_an_empty_set_has_the_zero_vector(vectors: np.ndarray) -> None:
    found = formulas.mean_vectors(torch.from_numpy(vectors), *flat([[1, 2], [], [3]]))
    assert found[1].abs().sum() == 0


def test_numpy_and_torch_means_agree(vectors: np.ndarray) -> None:
    v = vectors.astype(np.float32)
    latest = np.array([[2, 2, 0, -1], [6, -1, -1, -1], [-1, -1, -1, -1]])
    found = MeanUsers(4).read(v, latest)
    assert np.allclose(found[:2], formulas.mean_vectors(torch.from_numpy(v), *flat(HISTORIES[:2])).numpy(), atol=1e-6)
    assert not found[2].any()
    items = np.array([item for group in GROUPS for item in group], np.int32)
    numbers = np.repeat(np.arange(3, dtype=np.int32), [len(group) for group in GROUPS])
    groups = ItemGroups(("a", "b", "c"), items, numbers, "categories")
    assert np.allclose(group_vectors(v, groups), formulas.mean_vectors(torch.from_numpy(v), *flat(GROUPS)).numpy())


@pytest.mark.parametrize(("given", "learned"), [(True, False), (False, True), (True, True)])
def test_item_vectors_are_the_sum_of_their_parts(given: bool, learned: bool) -> None:
    x = torch.rand(ITEMS, GIVEN)
    made = formulas.Aigc(ITEMS, WIDTH, x if given else None, learned)
    expected = torch.zeros(ITEMS, WIDTH)
    if made.projection is not None:
        expected = expected + x @ made.projection.weight.T
    if made.embedding is not None:
        expected = expected + made.embedding.weight
    assert torch.allclose(made.item_vectors(), expected, atol=1e-6)
