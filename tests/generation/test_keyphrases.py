"""Terms: words in any script, and those that tell a group from the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.generation.keyphrases import distinctive_terms, stem, terms, words

SPACE = ["rocket to the alien moon", "alien star and comet", "the comet of the aliens"]
KITCHEN = ["bread and butter", "the bread oven", "a pepper in the oven"]
SHOES = ["蓝色运动鞋 跑步", "运动鞋 男", "儿童运动鞋"]
BOOKS = ["中文小说 精装", "侦探小说", "小说 三部曲"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Children's Sci-Fi of 1995!", ["the", "children's", "sci-fi", "of"]),
        ("iPhone手机壳", ["iphone", "手机壳"]),
        ("naïve Ärzte हिन्दी", ["naïve", "ärzte", "हिन्दी"]),
        ("", []),
    ],
)
def test_words_of_any_script(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_scripts_without_spaces_have_ngrams_and_function_words_say_nothing() -> None:
    assert list(terms("运动鞋 of her shop")) == ["运动", "动鞋", "运动鞋", "shop"]


@pytest.mark.parametrize(
    "text",
    ["မြန်မာ", "ภาษาไทย", "ភាសាខ្មែរ", "ພາສາລາວ", "かな", "漢字", "㐀㐁", "\U00020000\U00020001", "\U0002a700\U0002a701"],
    ids=["Burmese", "Thai", "Khmer", "Lao", "Japanese", "Chinese", "extension A", "extension B", "extension C"],
)
def test_scripts_without_spaces_have_ngrams(text: str) -> None:
    assert words(text) == [text]
    assert text[:2] in terms(text)
    assert stem(text) == text


def test_forms_of_a_word_share_a_stem() -> None:
    assert stem("comedies") == stem("comedy")
    assert stem("stars") == stem("star")
    assert stem("war") != stem("ward")


def test_telling_words_in_english_and_chinese() -> None:
    space, kitchen, shoes, books = distinctive_terms([SPACE, KITCHEN, SHOES, BOOKS], 3)
    assert space.words[0] in {"alien", "aliens"}
    assert set(space.words) <= {"alien", "aliens", "comet"}
    assert set(kitchen.words) == {"bread", "oven"}
    assert shoes.words == ("运动鞋",)
    assert books.words == ("小说",)
    assert "小说" in books.stems


def test_one_group_alone_has_nothing_to_tell() -> None:
    (alone,) = distinctive_terms([SPACE], 3)
    assert (alone.stems, alone.words) == (frozenset(), ())


TEXTS = st.lists(st.lists(st.sampled_from(["alpha", "beta", "gamma", "运动鞋", "小说"]), min_size=1), min_size=1)


@given(st.lists(TEXTS.map(lambda texts: [" ".join(text) for text in texts]), min_size=2, max_size=4))
def test_what_all_texts_have_tells_nothing_and_the_order_of_groups_does_not_matter(groups: list[list[str]]) -> None:
    found = distinctive_terms([[f"{text} everywhere" for text in texts] for texts in groups], 8)
    assert all("everywhere" not in each.words for each in found)
    assert distinctive_terms([[f"{text} everywhere" for text in texts] for texts in reversed(groups)], 8) == found[::-1]
