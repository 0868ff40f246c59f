"""What rules say of a catalogue."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from chatrec.config import rules as settings
from chatrec.errors import SettingsError
from chatrec.ranking.rules.rules import LEAST_FACTOR, Clock, Rules
from tests.support.histories import histories

NOON = int(datetime(2026, 12, 24, 12, tzinfo=UTC).timestamp() * 1_000_000)
HOUR = 3600 * 1_000_000
CATALOGUE = pl.DataFrame(
    {
        "item_id": [10, 11, 12, 13],
        "title": ["a", "b", "c", "d"],
        "groups": [["tea"], ["tea", "gift"], [], None],
        "available": [True] * 4,
        "brand": ["Ours", "Acme", None, "Ours"],
        "attributes": [
            {"published_at": "2026-12-24 12:00:00+00", "author": "x"},
            {"published_at": "2026-12-24 06:00:00.5+00", "author": ""},
            {"published_at": "2026-12-23", "author": "x"},
            {"published_at": None, "author": "y"},
        ],
    },
    schema_overrides={"groups": pl.List(pl.String)},
)


def made(now: int = NOON, newest: int = 0, **given: object) -> Rules:
    return Rules.of(settings.Rules.model_validate(given), CATALOGUE, Clock(now, newest))


def test_without_rules_there_is_nothing() -> None:
    assert made() == Rules()


def test_an_item_must_be_meant_by_every_allow_and_by_no_deny() -> None:
    tea = {"name": "tea", "groups": ["tea", "no such group"]}
    ours = {"name": "ours", "attribute": "brand", "values": ["Ours"]}
    assert made(allow=[tea]).allowed.tolist() == [True, True, False, False]
    assert made(allow=[tea, ours]).allowed.tolist() == [True, False, False, False]
    assert made(deny=[ours]).allowed.tolist() == [False, True, True, False]
    by_id = {"name": "one", "attribute": "item_id", "values": ["12"]}
    assert made(allow=[tea], deny=[by_id, {"name": "gifts", "groups": ["gift"]}]).allowed.tolist() == [
        True,
        *[False] * 3,
    ]


def test_factors_multiply_and_fade_with_age() -> None:
    ours = {"name": "ours", "attribute": "brand", "values": ["Ours"], "factor": 3.0}
    tea = {"name": "tea", "groups": ["tea"], "factor": 0.5}
    assert np.exp(made(boosts=[ours, tea]).log_factors) == pytest.approx([1.5, 0.5, 1, 3])
    fresh = {"attribute": "published_at", "half_life": 6, "unit": "hours"}
    rules = made(boosts=[ours], freshness=fresh)
    assert np.exp(rules.log_factors) == pytest.approx([3, 0.5, 2**-6, 3], rel=1e-4)
    assert made(now=NOON + 6 * HOUR, freshness=fresh).log_factors[0] == 0  # nothing is newer
    assert np.exp(made(newest=NOON + 6 * HOUR, freshness=fresh).log_factors[0]) == pytest.approx(0.5)
    old = made(newest=NOON + 10_000 * HOUR, freshness=fresh)
    assert np.exp(old.log_factors[:3]) == pytest.approx([LEAST_FACTOR] * 3, rel=1e-3)
    assert old.log_factors[3] == 0


def test_a_time_beyond_the_calendar_is_very_old_or_missing() -> None:
    """What PostgreSQL writes of its first and last years, and of infinity."""
    old = ("0044-03-15 00:00:00+00 BC", "4713-01-01 BC", "-infinity")
    never = ("10000-01-01 00:00:00+00", "275760-09-13 00:00:00+00", "294276-12-31 23:59:59.999999+00", "infinity")
    catalogue = pl.DataFrame({"item_id": range(7), "published_at": [*old, *never]}).with_columns(groups=None)
    rules = settings.Rules.model_validate({"freshness": {"attribute": "published_at", "half_life": 6}})
    factors = np.exp(Rules.of(rules, catalogue, Clock(NOON, NOON)).log_factors)
    assert factors == pytest.approx([LEAST_FACTOR] * 3 + [1] * 4)


def test_values_are_counted_and_empty_ones_are_not() -> None:
    by_group, by_author = made(
        caps=[
            {"name": "groups", "attribute": "groups", "at_most": 1},
            {"name": "authors", "attribute": "author", "at_most": 2},
        ]
    ).caps
    assert by_author.codes.tolist() == [[0], [-1], [0], [1], [-1]]
    assert by_author.at_most == 2
    assert by_group.codes[0].tolist() == [1, -1]
    assert sorted(by_group.codes[1].tolist()) == [0, 1]
    assert (by_group.codes[2:] == -1).all()


@pytest.mark.parametrize(
    ("since", "until", "there"),
    [
        (None, None, True),
        ("2026-12-24", "2026-12-24", True),
        ("2026-12-25", None, False),
        (None, "2026-12-23", False),
        ("2026-12-24T12:00:00Z", "2026-12-24T13:00:00Z", True),
        ("2026-12-24T10:00:00Z", "2026-12-24T12:00:00Z", False),
    ],
)
def test_a_pin_is_there_for_its_time(since: str | None, until: str | None, there: bool) -> None:
    rules = made(pins=[{"name": "p", "item": "12", "place": 2, "since": since, "until": until}])
    assert [(pin.item, pin.slot) for pin in rules.pins] == [(2, 1)] * there


def test_what_may_come_again() -> None:
    """The events of `histories` are of the times 0, 1, 2, … of a user."""
    log = histories([[0, 2, 0]])
    assert made().hidden_by_events(True, log) == (True, None)
    assert made(repeat={"policy": "never"}).hidden_by_events(False, log) == (True, None)
    assert made(repeat={"policy": "always"}).hidden_by_events(True, log) == (False, None)
    hides, returning = made(repeat={"policy": "groups", "groups": ["tea"]}, newest=NOON).hidden_by_events(False, log)
    assert hides
    assert returning.tolist() == [True, False, True]
    after = {"policy": "always", "after_days": 1 / 86_400 / 1_000_000}
    newest = int(log.times.max())
    _, returning = made(repeat=after, newest=newest).hidden_by_events(True, log)
    assert returning.tolist() == (log.times <= newest - 1).tolist()


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match=r'Rule "x" asks for colour, which source\.items does not give'):
        made(deny=[{"name": "x", "attribute": "colour", "values": ["red"]}])
