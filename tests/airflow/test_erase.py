"""Erasing a person from the web page of Airflow."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.finished import Finished

pytestmark = pytest.mark.usefixtures("metadata")


def test_erase(dag_run: Callable[..., Any], finished: Finished) -> None:
    shop = finished.shop
    before = shop.lists("user_id <> 7")
    assert str(dag_run("chatrec_erase", user="7").state) == "success"
    assert shop.lists() == before
    assert shop.execute("SELECT removed -> 'recommendations' FROM chatrec.erasures") == [(5,)]
    for allowed, state in ((False, "skipped"), (True, "success")):
        (task,) = dag_run("chatrec_erase", user="12345", may_be_unknown=allowed).get_task_instances()
        assert str(task.state) == state
    assert str(dag_run("chatrec_erase", user="nobody").state) == "failed"
