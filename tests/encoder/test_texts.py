"""Templates: rows into text, and errors that name the template."""

import numpy as np
import polars as pl
import pytest

from chatrec.encoder.texts import item_texts, user_texts
from chatrec.errors import SettingsError
from chatrec.settings.model import Text
from tests.source.test_snapshot import histories

ITEMS = pl.DataFrame(
    {
        "item_id": [1, 2, 3],
        "title": ["Toy Story", None, "运动鞋"],
        "groups": [["Comedy", "Children's"], [], ["Shoes"]],
        "available": [True, True, True],
        "year": ["1995", None, ""],
    }
)
USERS = pl.DataFrame({"user_id": [7, 8], "age": ["24", None], "job": ["writer", None]})


def test_the_default_item_text() -> None:
    assert item_texts(ITEMS, Text().item) == ["Toy Story. Comedy, Children's. 1995", "", "运动鞋. Shoes"]


def test_a_template_may_name_columns() -> None:
    assert item_texts(ITEMS, "{{ year }}:\n\n  {{ title }}")[:2] == ["1995: Toy Story", ":"]


def test_the_default_user_text_has_the_latest_titles() -> None:
    titles = ["Toy Story", "", "运动鞋"]
    made = user_texts(USERS, np.array([1, 0]), titles, histories([[0, 1, 2], [2]]), 2, Text().user)
    assert made == ["Took: 运动鞋", "age: 24. job: writer. Took: 运动鞋;"]


def test_a_profile_alone_has_no_titles() -> None:
    assert user_texts(USERS, np.array([0]), ["a"], histories([[0], []]), 0, Text().user) == ["age: 24. job: writer."]


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
