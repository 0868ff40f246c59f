"""Checks: what may be shown, and a word on what may not."""

import pytest

from chatrec.generation.checks import refuse_name, refuse_sentence, tidy_name
from chatrec.generation.keyphrases import GroupTerms

TELLING = frozenset({"space", "alien", "star"})
ABOUT = GroupTerms(TELLING, ("space", "alien", "star"), TELLING | {"ship", "adven", "cooki"})
TITLES = ["Alien Ship, The (1979)", "Star Trek: Generations", "Space"]
SHOES = GroupTerms(
    frozenset({"运动", "动鞋", "运动鞋", "跑步"}),
    ("运动鞋", "跑步"),
    frozenset({"蓝色", "运动", "动鞋", "运动鞋", "跑步", "装备"}),
)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Space adventures", None),
        ("Aliens & stars", None),
        ("", "nothing written"),
        ("The very long story of space", "too long"),
        ("Extraterrestrial intergalactic space", "too long"),
        ("Space, stars", "not only words"),
        ("Star 2000", "not only words"),
        ("Space spaces", "repeats itself"),
        ("The alien ship", "a title"),
        ("Space", "a title"),
        ("Cooking on a ship", "unrelated"),
        ("Space kings", "invents words"),
        ("Stars", "taken"),
    ],
)
def test_names(name: str, reason: str | None) -> None:
    assert refuse_name(name, ABOUT, TITLES, ["Star"]) == reason


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("运动装备", None),
        ("跑步鞋", None),
        ("运动饮料", "invents words"),
        ("蓝色运动鞋", "a title"),
        ("运动运动", "repeats itself"),
        ("小说", "unrelated"),
        ("Sports gear", "unrelated"),
        ("运动、跑步", "not only words"),
        ("运动鞋跑步鞋篮球鞋足球鞋登山鞋", "too long"),
        ("运动鞋", "taken"),
    ],
)
def test_chinese_names(name: str, reason: str | None) -> None:
    assert refuse_name(name, SHOES, ["蓝色运动鞋"], ["运动鞋"]) == reason


def test_what_stands_around_a_name_is_taken_away() -> None:
    assert tidy_name(' "space  adventures." ') == "Space adventures"
    assert tidy_name("《运动装备》。") == "运动装备"


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("If you liked X, try Y from our Space adventures shelf.", None),
        ("After X, you may enjoy Y.", None),
        ("After X, you may enjoy Y, one of our picks in space adventures!", None),
        ("If you liked Y, try X.", "wrong gaps"),
        ("If you liked X, try Z.", "wrong gaps"),
        ("If you liked X, try Y and Y.", "wrong gaps"),
        ("After X, you may enjoy Y", "no sentence"),
        ("If you liked X, try Y by Spielberg.", "says more"),
        ("After X, try Y 2.", "says more"),
        ("You liked X, try Y.", "claims a liking"),
        (f"If you liked X, try Y{', or try Y' * 20}.", "too long"),
    ],
)
def test_sentences(sentence: str, reason: str | None) -> None:
    assert refuse_sentence(sentence, "Space adventures") == reason


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("如果您喜欢X，也可以看看运动装备的Y。", None),
        ("您喜欢X，也可以看看Y。", "claims a liking"),
        ("因为打折，看看X和Y。", "says more"),
    ],
)
def test_chinese_sentences(sentence: str, reason: str | None) -> None:
    assert refuse_sentence(sentence, "运动装备") == reason
