"""Results of steps: each comes back from JSON as it was, and names of fields are its keys."""

import json
from dataclasses import fields
from typing import Any

import pytest

from chatrec.console import summary
from chatrec.runs import results
from chatrec.runs.results import KINDS, StepResult, TrainingSummary, WritingResult, load
from chatrec.runs.run import Manifest

TRAINING = TrainingSummary(60, 3.2, 1.1, 40, 1.5, 3.3, 4096)
EXAMPLES = (
    results.ExtractResult(users=3, items=2, interactions=5, days=2, days_read=1, events_read=4, quarantined=1,
                          quarantine={"items: duplicate id": 1}, weight_range=(0.5, 900.0),
                          contents=results.Contents(3, 2, 1, {"items.title": 2}, 0.5, 2)),
    results.EncoderResult(encoder="local", reason="it is set", trained=True, training=TRAINING, layer=4,
                          pooling="mean"),
    results.EmbedResult(encoder="local", texts_embedded=6, texts_cached=0, items_embedded=2, items_cached=0,
                        users_embedded=3, users_cached=0, profiles_embedded=1, profiles_cached=0, user_text="read",
                        tokens=90, tokens_per_second=9, padding=0.1, fingerprint="f", device="cpu"),
    results.GroupsResult(groups=3, memberships=5, source="kmeans", reused_from="20260601T000000Z"),
    results.AigcResult(networks=1, epochs=2.5, output_groups=4, ndcg=0.2),
    results.EnsembleResult(form="rerank", weights={"popular": 1.0}, holdout_users=3, ndcg=0.2, popularity_ndcg=0.1,
                           release=results.ReleaseResult("New release.", "r", 1.0)),
    results.IndexResult(items=2, kind="flat", effort=0, recall=1.0),
    results.RankResult(rows=9, users_ensemble=2, users_searched=0, users_group=1, users_popular=0, items_shown=2,
                       short_by_caps=0, diversity=results.DiversityResult(0.5, -0.01),
                       coverage=results.CoverageResult(0.2, 0.5),
                       fairness=results.FairnessResult(4, 1, 0.9, "Ace", 0.3, 3, 0.2, 0.21),
                       rules={"no kitchens": results.RuleEffect(1, 2, 3)}, rules_users=3),
    results.TablesResult(similar_items=4, popular=2, trending=0, query_recommendations=0),
    results.GenerateResult(names=WritingResult(1, 2, {"not asked": 2}), blurbs=3, sentences=WritingResult(1, 0, {}),
                           lines_written=2, writer="it is the encoder"),
    results.GateResult(checks=9, warnings=1, users_listed=3, list_change=0.25, verdict="All 9 checks passed."),
    results.PublishResult(rows={"recommendations": 9}, same_lists_as="20260601T000000Z", runs_kept=2, runs_removed=0),
    results.HoldoutResult(holdout_users=3, targets=4, events_left=5),
    results.TextVectorsResult(items=2, profiles=1),
    results.MeasureResult(ndcg=0.2, popularity_ndcg=0.1),
    results.TrainResult(encoder="tuned-1", trained=True, trainings={"pairs": TRAINING}),
    results.ShadowEmbedResult(candidate=results.EncodedCatalogue(6, "a"), live=results.EncodedCatalogue(0, "b")),
    results.CompareResult(users=3, hidden_items=1, candidate_ndcg=0.3, live_ndcg=0.2, gain=(0.1, -0.1, 0.2)),
    results.PromoteResult(promoted=False, verdict="not better", encoders_removed=0),
)  # fmt: skip
"""A result of each class, with all of its parts."""


def test_there_is_an_example_of_each_class() -> None:
    assert {type(result).__name__: type(result) for result in EXAMPLES} == KINDS


@pytest.mark.parametrize("result", EXAMPLES, ids=lambda result: type(result).__name__)
def test_a_result_comes_back(result: StepResult) -> None:
    stored = json.loads(json.dumps(result.to_dict()))
    assert set(stored) <= {field.name for field in fields(result)}
    assert load(type(result), stored) == result
    manifest = Manifest("step", "in", result, "2026", 1.5, "out")
    assert Manifest.of(json.loads(manifest.to_json())) == manifest


@pytest.mark.parametrize("stored", [{}, {"groups": "many"}, {"error": "it failed"}, None, []])
def test_what_another_version_wrote_is_not_known(stored: Any) -> None:
    assert load(results.GroupsResult, stored) is None
    values = {"step": "groups", "inputs": "in", "digest": "out", "started_at": "", "seconds": 0.0}
    assert not Manifest.of({**values, "kind": "GroupsResult", "result": stored}).known


def test_a_summary_counts_in_the_singular_and_the_plural() -> None:
    for networks, words in ((1, "1 network"), (4, "4 networks")):
        assert summary(results.AigcResult(networks=networks, epochs=2.5, output_groups=4, ndcg=0.2)).startswith(words)
