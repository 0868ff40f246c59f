"""Erasing a person from the web page of Airflow."""

from collections.abc import Callable
from typing import Any

import pytest

from chatrec.settings import Settings
from tests.support.nights import migrate, run
from tests.support.shop import Shop

pytestmark = pytest.mark.usefixtures("metadata")


def test_erase(dag_run: Callable[..., Any], shop: Shop, settings: Settings) -> None:
    migrate(settings)
    run(settings)
    before = shop.lists("user_id <> 7")
    assert str(dag_run("chatrec_erase", user="7").state) == "success"
    assert shop.lists() == before
    assert shop.execute("SELECT removed -> 'recommendations' FROM chatrec.erasures") == [(5,)]
    assert str(dag_run("chatrec_erase", user="nobody").state) == "failed"
