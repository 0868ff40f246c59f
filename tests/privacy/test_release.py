"""A release: nobody's part is larger than 1, whatever they took; noise has the size that the promise needs."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatrec.errors import ArtifactError
from chatrec.privacy import statistics as releases
from chatrec.privacy.noise import Noise
from chatrec.privacy.statistics import Release, about, make, parts
from chatrec.runs.sealed import sealed
from tests.support.people import IDS, ITEMS, histories, population

NOISE, DEVIATION = Noise(b"a key of the test"), 3.0
HISTORY = st.lists(st.integers(0, ITEMS - 1), max_size=60).map(lambda items: np.array(items, np.int32))


def distance(one: Release, other: Release) -> float:
    """In the coordinates of the mechanism, in units in which its noise has DEVIATION in every direction."""
    popular, pairs = (
        releases._shared(1.0)[place] for place in (0, 1)
    )  # how much wider the noise of each part is than that of the whole
    apart = np.sum(((one.popular - other.popular) / popular) ** 2)
    apart += np.sum(((one.pairs.astype(np.float64) - other.pairs) / pairs) ** 2)
    return float(np.sqrt(apart))


@settings(max_examples=40)
@given(st.lists(HISTORY, min_size=1, max_size=6), st.data())
def test_neighbouring_snapshots_differ_by_at_most_one(taken: list[np.ndarray], data: st.DataObject) -> None:
    """The same noise for both, so that what is left is what the user did."""
    left_out = data.draw(st.integers(0, len(taken) - 1))
    others = [np.empty(0, np.int32) if user == left_out else each for user, each in enumerate(taken)]
    own = NOISE.about(b"the same")
    difference = distance(make(histories(taken), IDS, DEVIATION, own), make(histories(others), IDS, DEVIATION, own))
    assert difference <= 1 + 1e-5
    if len(taken[left_out]):
        assert difference > 0.9


@given(st.lists(HISTORY, min_size=1, max_size=6))
def test_nobodys_vector_is_longer_than_one(taken: list[np.ndarray]) -> None:
    found = parts(histories(taken), ITEMS).toarray()
    assert (np.square(found).sum(1) <= 1).all()
    assert (found == np.round(found / releases.GRID) * releases.GRID).all()


def test_taking_often_counts_once() -> None:
    once, often = histories([np.array([3, 5])]), histories([np.array([3, 5, 5, 5, 3])])
    own = NOISE.about(b"the same")
    assert distance(make(once, IDS, DEVIATION, own), make(often, IDS, DEVIATION, own)) == 0


def test_noise_has_the_size_that_was_asked_for() -> None:
    nobody = histories([np.empty(0, np.int32)])
    drawn = [make(nobody, IDS, DEVIATION, NOISE.about(bytes([number]))) for number in range(60)]
    popular = np.concatenate([each.popular for each in drawn])
    above = np.concatenate([each.pairs[np.triu_indices(ITEMS, 1)] for each in drawn])
    diagonal = np.concatenate([each.pairs.diagonal() for each in drawn])
    assert popular.std() == pytest.approx(drawn[0].popularity_deviation, rel=0.05)
    assert above.std() == pytest.approx(drawn[0].pairs_deviation, rel=0.02)
    assert diagonal.std() == pytest.approx(drawn[0].pairs_deviation * np.sqrt(2), rel=0.05)
    precision = drawn[0].popularity_deviation ** -2 + (drawn[0].pairs_deviation * np.sqrt(2)) ** -2
    assert precision == pytest.approx(DEVIATION**-2)
    assert all((each.pairs == each.pairs.T).all() for each in drawn)


def test_it_is_kept_as_it_was_and_follows_the_catalogue(tmp_path: Path) -> None:
    people = histories(population(30, np.random.default_rng(0)))
    made = make(people, IDS, DEVIATION, about(NOISE, "a run", people, IDS, DEVIATION))
    made.save(tmp_path / "one.npz")
    made.save(tmp_path / "two.npz")
    one, two = (sealed(tmp_path / name) for name in ("one.npz", "two.npz"))
    assert one
    assert two
    assert one.read_bytes() == two.read_bytes()
    loaded = Release.load(tmp_path / "one.npz")
    assert distance(made, loaded) == 0
    assert loaded.deviation == DEVIATION
    new_items = np.array(["new", *IDS[::-1][:-3]])
    moved = loaded.onto(new_items)
    assert moved.popular[0] == 0
    for row, item in ((1, ITEMS - 1), (5, ITEMS - 5)):
        assert moved.popular[row] == made.popular[item]
    places = {int(row): place for place, row in enumerate(moved.paired)}
    assert moved.pairs[places[1], places[5]] == made.pairs[ITEMS - 1, ITEMS - 5]
    assert len(moved.paired) == ITEMS - 3
    one.write_bytes(one.read_bytes()[:-1])
    with pytest.raises(ArtifactError, match=r"one\.npz is missing or damaged"):
        Release.load(tmp_path / "one.npz")


def test_noise_depends_on_everything_that_a_release_is_made_from() -> None:
    people = population(10, np.random.default_rng(0))
    one = histories(people)
    others = [
        about(NOISE, "a run", histories(people[:-1]), IDS, DEVIATION),
        about(NOISE, "a run", one, IDS[::-1], DEVIATION),
        about(NOISE, "a run", one, IDS, 2 * DEVIATION),
        about(Noise(b"another key"), "a run", one, IDS, DEVIATION),
        about(NOISE, "another run", one, IDS, DEVIATION),
    ]
    same = about(NOISE, "a run", one, IDS, DEVIATION)
    assert same == about(NOISE, "a run", histories([each[::-1] for each in people]), IDS, DEVIATION)
    assert len({each.name for each in [same, *others]}) == 6
