"""Templates: rows into text, and errors that name the template."""

import numpy as np
import polars as pl
import pytest

from chatrec.config.source import Text
from chatrec.encoder.texts import item_texts, user_texts
from chatrec.errors import SettingsError
from tests.support.histories import histories, queries

ITEMS = pl.DataFrame(
    {
        "item_id": [1, 2, 3],
        "title": ["Toy Story", None, "运动鞋"],
        "groups": [["Comedy", "Children's"], [], ["Shoes"]],
        "available": [True, True, True],
        "year": ["1995", None, ""],
    }
)
NOTHING = queries([[], []])
USERS = pl.DataFrame({"user_id": [7, 8], "age": ["24", None], "job": ["writer", None]})


def test_the_default_item_text() -> None:
    assert item_texts(ITEMS, Text().item) == ["Toy Story. Comedy, Children's. 1995", "", "运动鞋. Shoes"]


def test_a_template_may_name_columns() -> None:
    assert item_texts(ITEMS, "{{ year }}:\n\n  {{ title }}")[:2] == ["1995: Toy Story", ":"]


def test_the_default_user_text_has_the_latest_titles() -> None:
    titles = ["Toy Story", "", "运动鞋"]
    made = user_texts(USERS, np.array([1, 0]), titles, histories([[0, 1, 2], [2]]), 2, NOTHING, Text().user)
    assert made == ["Took: 运动鞋", "age: 24. job: writer. Took: 运动鞋;"]


def test_a_profile_alone_has_no_titles() -> None:
    found = user_texts(USERS, np.array([0]), ["a"], histories([[0], []]), 0, NOTHING, Text().user)
    assert found == ["age: 24. job: writer."]


def test_the_default_user_text_has_the_latest_queries() -> None:
    searched = queries([["running shoes", "tent"], ["运动鞋"]])
    made = user_texts(USERS, np.array([1, 0]), ["Toy Story"], histories([[0], []]), 2, searched, Text().user)
    assert made == ["Searched: 运动鞋.", "age: 24. job: writer. Searched: running shoes; tent. Took: Toy Story"]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ titel }}", r"text\.item fails: 'titel' is undefined\. It may use .*title"),
        ("{{ title ", r"text\.item is not a Jinja template"),
        ("{{ title.__class__ }}", r"text\.item fails"),
    ],
)
def test_a_wrong_template_is_named(template: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        item_texts(ITEMS, template)
