"""Whole fine-tunings under a real Airflow."""

from collections.abc import Callable
from typing import Any

import pytest

from chatrec.encoder import registry
from tests.support.dagruns import states
from tests.support.finished import Finished, complete

pytestmark = pytest.mark.usefixtures("metadata")


def test_a_better_encoder_is_promoted(dag_run: Callable[..., Any], large: Finished) -> None:
    settings = large.settings
    found = dag_run("chatrec_finetune")
    assert states(found) == dict.fromkeys(("begin", "train", "embed", "compare", "promote"), "success")
    live = registry.live(settings.artifacts.root)
    assert live is not None
    assert complete(settings).results["encoder"].encoder == live.name


def test_one_that_is_no_better_skips_the_promotion(dag_run: Callable[..., Any], finished: Finished) -> None:
    found = dag_run("chatrec_finetune", steps=0)
    assert str(found.state) == "success"
    assert states(found)["promote"] == "skipped"
    assert registry.live(finished.settings.artifacts.root) is None
