"""Features of texts in any language, of groups, names and numbers."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.features import fields, words
from chatrec.features.catalogue import features_of


def catalogue(titles: list[str], groups: list[list[str]] | None = None, **columns: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"title": titles, "groups": groups or [[] for _ in titles], **columns})


def likeness(items: pl.DataFrame) -> np.ndarray:
    joined = features_of(items).joined
    return np.asarray((joined @ joined.T).todense())


def test_chinese_without_spaces_meets_what_shares_its_characters() -> None:
    titles = ["运动鞋 男", "跑步运动鞋", "女士连衣裙", "红色连衣裙"]
    like = likeness(catalogue(titles))
    assert like[0, 1] > like[0, 2]
    assert like[2, 3] > like[2, 1]
    assert {"运", "运动", "动鞋"} <= set(words.words("运动鞋"))


def test_words_and_unspaced_scripts_mix_within_a_token() -> None:
    assert words.words("iPhone手机 ２") == ["iphone", "手", "机", "手机", "2"]


@pytest.mark.parametrize(
    "text",
    ["မြန်မာ", "ภาษาไทย", "ភាសាខ្មែរ", "ພາສາລາວ", "かな", "漢字", "㐀㐁", "\U00020000\U00020001", "\U0002a700\U0002a701"],
    ids=["Burmese", "Thai", "Khmer", "Lao", "Japanese", "Chinese", "extension A", "extension B", "extension C"],
)
def test_scripts_without_spaces_are_read_by_character(text: str) -> None:
    assert text[0] in words.words(text)
    assert words.UNSPACED_RUN.fullmatch(text)


def test_a_name_is_two_capitalised_words_in_a_row() -> None:
    assert words.names("Directed by John Lasseter. Starring Tom Hanks, Tim Allen.") == [
        "john lasseter",
        "starring tom hanks",
        "tim allen",
    ]


def test_near_years_are_alike_and_distant_ones_are_not() -> None:
    bumps = fields.bumps(np.array([1994.0, 1995, 1940, np.nan]), 4)
    like = np.asarray((bumps @ bumps.T).todense())
    assert like[0, 1] > 0.9 > 0.01 > like[0, 2]
    assert like[3, 3] == 0
    np.testing.assert_allclose(like.diagonal()[:3], 1, rtol=1e-5)


@given(st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=20), st.floats(10, 1e3))
def test_bumps_fall_with_the_distance_of_values(values: list[float], deviation: float) -> None:
    given_values = np.array(values)
    bumps = fields.bumps(given_values, deviation)
    like = np.asarray((bumps @ bumps.T).todense())
    expected = np.exp(-((given_values[:, None] - given_values) ** 2) / (4 * deviation**2))
    np.testing.assert_allclose(like, expected, atol=0.02)


def test_a_column_of_numbers_is_no_text() -> None:
    assert fields.numbers(pl.Series(["1.5", "", " 2 ", None])) is not None
    assert fields.numbers(pl.Series(["1.5", "two", "three"])) is None
    named = {kind.name for kind in features_of(catalogue(["a b", "a b"], price=["1", "900"])).kinds}
    assert any(name.startswith("price") for name in named)


def test_a_catalogue_without_any_text_has_no_features() -> None:
    assert features_of(catalogue(["", ""])).kinds == ()
