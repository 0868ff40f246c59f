"""Caps and pins: what a person with a list on paper would do."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chatrec.ranking.rules.rules import Cap, Pin, Rules

ITEMS = 12
VALUES = st.lists(st.lists(st.integers(0, 3), max_size=2, unique=True), min_size=ITEMS, max_size=ITEMS)
SCORES = st.lists(st.floats(-9, 0), min_size=ITEMS, max_size=ITEMS, unique=True)


def cap(values: list[list[int]], at_most: int) -> Cap:
    codes = np.full((ITEMS + 1, 2), -1, np.int32)
    for item, own in enumerate(values):
        codes[item, : len(own)] = own
    return Cap(codes, at_most)


def listed(rules: Rules, scores: list[float], n: int, there: int = ITEMS) -> list[int]:
    """The list of one user, whose last candidates are padding."""
    items = np.where(np.arange(ITEMS) < there, np.arange(ITEMS), -1)[None]
    said = np.where(items >= 0, np.array([scores]), -np.inf)
    return [int(column) for column in rules.columns(items, said, n)[0] if column >= 0]


@given(VALUES, VALUES, SCORES, st.integers(1, 3), st.integers(1, 8), st.integers(0, ITEMS))
def test_caps_let_in_what_has_room_the_best_first(
    one: list[list[int]], two: list[list[int]], scores: list[float], at_most: int, n: int, there: int
) -> None:
    found = listed(Rules(caps=(cap(one, at_most), cap(two, 2))), scores, n, there)
    expected: list[int] = []
    for item in sorted(range(there), key=lambda item: -scores[item]):
        room = all(
            sum(value in values[other] for other in expected) < most
            for values, most in ((one, at_most), (two, 2))
            for value in values[item]
        )
        if room and len(expected) < n:
            expected.append(item)
    assert found == expected


@given(SCORES, st.integers(1, 8), st.permutations(range(8)), st.integers(0, 4), st.integers(3, ITEMS))
def test_pins_stand_where_they_are_told(scores: list[float], n: int, places: list[int], count: int, there: int) -> None:
    pins = tuple(
        Pin(item, place) for item, place in zip(range(0, 2 * count, 2), places[:count], strict=True) if place < n
    )
    found = listed(Rules(pins=pins), scores, n, there)
    assert len(found) == len(set(found)) == min(n, there)
    pinned = {pin.item: pin.slot for pin in pins if pin.item < there}
    if there >= n:
        assert {item: found.index(item) for item in pinned} == pinned
    assert set(pinned) <= set(found)
    others = [item for item in found if item not in pinned]
    best = sorted((item for item in range(there) if item not in pinned), key=lambda item: -scores[item])
    assert others == best[: len(others)]


def test_a_pinned_item_uses_up_the_room_of_its_value() -> None:
    values = [[0], [0], [1], [2], *([[]] * (ITEMS - 4))]
    rules = Rules(caps=(cap(values, 1),), pins=(Pin(1, 0),))
    assert listed(rules, [-float(item + 1) for item in range(ITEMS)], 4) == [1, 2, 3, 4]
