"""Whole fine-tunings under a real Airflow."""

from collections.abc import Callable
from typing import Any

import pytest

from chatrec.encoder import versions
from chatrec.settings import Settings
from tests.airflow.test_night import states
from tests.pipeline.test_finetune import LEARNS
from tests.support.nights import migrate, run
from tests.support.shop import Shop

pytestmark = pytest.mark.usefixtures("metadata")


def test_a_better_encoder_is_promoted(
    dag_run: Callable[..., Any],
    database: str,
    configure: Callable[..., Settings],
) -> None:
    Shop(database, users=400, items=240).create()
    settings = configure(**LEARNS)
    migrate(settings)
    run(settings)
    found = dag_run("chatrec_finetune")
    assert states(found) == dict.fromkeys(("begin", "train", "embed", "compare", "promote"), "success")
    live = versions.live(settings.artifacts.root)
    assert live is not None
    assert str(dag_run().state) == "success"
    assert run(settings).counts["encoder"]["encoder"] == live.name


def test_one_that_is_no_better_skips_the_promotion(
    dag_run: Callable[..., Any],
    shop: Shop,
    configure: Callable[..., Settings],
) -> None:
    settings = configure(**LEARNS)
    migrate(settings)
    run(settings)
    found = dag_run("chatrec_finetune", steps=0)
    assert str(found.state) == "success"
    assert states(found)["promote"] == "skipped"
    assert versions.live(settings.artifacts.root) is None
