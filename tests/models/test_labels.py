"""Labels: every model has one, and shares of a score are summed by kind."""

import re

from chatrec.aigc.aigc import NAME
from chatrec.ensemble.private import WEIGHTS
from chatrec.models.labels import LABELS, kinds, label
from chatrec.models.registry import MODELS
from chatrec.ranking.lists import FALLBACKS
from chatrec.ranking.searches import SEARCH
from chatrec.report.compared_models import RECENT


def test_every_source_of_a_score_has_a_label() -> None:
    models = {name for entry in MODELS for name in entry.names} | {*WEIGHTS, NAME, RECENT}
    assert models | {SEARCH, *FALLBACKS} <= LABELS.keys()
    assert all(re.fullmatch(r"[a-z0-9_.]+", name) for name in models)
    assert label("of another version") == "of another version"


def test_shares_are_summed_by_kind() -> None:
    shares = {"popularity": 0.3, "ease": 0.25, "markov": 0.25, "content_knn": 0.2}
    assert list(kinds(shares).items()) == [("similar users", 0.5), ("popularity", 0.3), ("its text", 0.2)]
