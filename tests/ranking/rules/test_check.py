"""Rules that ask for what is not there are found before a run."""

import re
from collections.abc import Callable

import pytest

from chatrec.config import Settings
from chatrec.pipeline.preflight import Finding, preflight
from tests.support.shop import Shop


@pytest.fixture
def asked(shop: Shop, configure: Callable[..., Settings]) -> Callable[..., Finding]:
    """What `chatrec check` says of rules."""

    def ask(**rules: object) -> Finding:
        made = configure(**{f"rules.{name}": value for name, value in rules.items() if name != "items"})
        if "items" in rules:
            made = made.override({"source.items": rules["items"]})
        return next(finding for finding in preflight(made) if finding.question == "rules")

    return ask


def test_rules_that_fit(asked: Callable[..., Finding]) -> None:
    found = asked(
        deny=[{"name": "a", "groups": ["Space"]}, {"name": "b", "attribute": "plot", "values": ["x"]}],
        caps=[{"name": "c", "attribute": "groups", "at_most": 1}],
        pins=[{"name": "d", "item": "7", "place": 1}],
        repeat={"policy": "groups", "groups": ["Kitchen"]},
    )
    assert found.ok
    assert found.answer == "5 rules"
    assert asked().answer == "0 rules"


@pytest.mark.parametrize(
    ("kind", "rule", "words"),
    [
        (
            "deny",
            [{"name": "a", "groups": ["Spaec"]}],
            r'"a" names the group "Spaec".* groups are Detective, Kitchen, Spa',
        ),
        (
            "boosts",
            [{"name": "a", "attribute": "brand", "values": ["x"], "factor": 2.0}],
            r'"a" asks for the column brand',
        ),
        ("allow", [{"name": "a", "attribute": "groups", "values": ["Space"]}], r"write groups = \[\.\.\.\]"),
        ("caps", [{"name": "a", "attribute": "maker", "at_most": 2}], "maker; source.items gives item_id, title, plot"),
        ("pins", [{"name": "a", "item": "4711", "place": 1}], '"a" pins the item 4711'),
        ("repeat", {"policy": "groups", "groups": ["Tea"]}, 'rules.repeat names the group "Tea"'),
        ("freshness", {"attribute": "plot"}, "asks for the time plot, but source.items gives it as text; .*: none"),
        ("freshness", {"attribute": "born"}, "does not give it"),
    ],
)
def test_what_is_not_there_is_named(asked: Callable[..., Finding], kind: str, rule: object, words: str) -> None:
    found = asked(**{kind: rule})
    assert found.error is not None
    assert found.error.exit_code == 2
    assert re.search(words, found.answer), found.answer


def test_groups_as_text_are_split(asked: Callable[..., Finding]) -> None:
    items = "SELECT no AS item_id, name AS title, 'Tea | 100%' AS groups FROM films WHERE name NOT LIKE 'x%'"
    assert asked(items=items, deny=[{"name": "a", "groups": ["100%"]}]).ok
    assert not asked(items=items, deny=[{"name": "a", "groups": ["Space"]}]).ok
