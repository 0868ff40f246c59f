"""Names and blurbs in a whole run: published, recorded, and never in its way."""

import json
from collections.abc import Callable
from pathlib import Path

from chatrec.config import Settings
from chatrec.generation.blurbs import Reason
from chatrec.pipeline import RunOptions
from chatrec.runs.results import GenerateResult
from tests.support.finished import complete, migrate
from tests.support.models import taught, untrained
from tests.support.shop import KINDS, Shop


def published(shop: Shop) -> list[str]:
    return [name for (name,) in shop.execute("SELECT name FROM chatrec.groups ORDER BY group_id")]


def test_kmeans_groups_are_called_by_their_words_without_a_model(
    shop: Shop, configure: Callable[..., Settings]
) -> None:
    settings = configure(groups__source="kmeans", groups__count=3)
    migrate(settings)
    written = complete(settings).results["generate"]
    assert written.names.generated == 0
    assert written.names.fallbacks == 3
    assert "the log is small" in written.writer
    names = published(shop)
    assert len(set(names)) == 3
    words = {word for kind, plot in KINDS.items() for word in [kind.lower(), *plot.split()]}
    assert {part for name in names for part in name.split(" · ")} <= words


def test_names_can_be_turned_off(shop: Shop, configure: Callable[..., Settings]) -> None:
    settings = configure(groups__source="kmeans", groups__count=3, generate__names=False)
    migrate(settings)
    run = complete(settings)
    assert run.results["generate"].names is None
    titles = {title for (title,) in shop.execute("SELECT name FROM films")}
    assert set(published(shop)) <= titles


def test_categories_keep_their_names_and_no_model_is_loaded(shop: Shop, configure: Callable[..., Settings]) -> None:
    settings = configure(generate__model="/nowhere")
    migrate(settings)
    assert complete(settings).results["generate"] == GenerateResult(lines_written=0, writer="it is set")
    assert published(shop) == sorted(KINDS)
    assert shop.execute("SELECT count(*) FROM chatrec.blurbs") == [(0,)]


def test_a_model_that_fails_does_not_stop_the_run(
    shop: Shop, configure: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = configure(groups__source="kmeans", groups__count=3, generate__model="/nowhere", generate__blurbs=True)
    migrate(settings)
    run = complete(settings)
    assert run.state == "published"
    assert run.results["generate"].names.fallback_reasons == {"error": 3}
    assert "nowhere" in run.results["generate"].writer


def test_the_second_run_writes_nothing_again(shop: Shop, configure: Callable[..., Settings], tmp_path: Path) -> None:
    model = untrained(tmp_path / "gpt2", [" ".join(KINDS.values())])
    settings = configure(groups__source="kmeans", groups__count=3, generate__model=str(model))
    migrate(settings)
    assert complete(settings).results["generate"].lines_written > 0
    names = published(shop)
    assert complete(settings, options=RunOptions(full=True)).results["generate"].lines_written == 0
    assert published(shop) == names


def test_blurbs_are_in_the_reasons(shop: Shop, configure: Callable[..., Settings], tmp_path: Path) -> None:
    sentence = "If you liked X, try Y from our Space shelf."
    model = taught(tmp_path / "gpt2", {Reason("", "", "Space").prompt: sentence})
    settings = configure(generate__model=str(model), generate__blurbs=True)
    migrate(settings)
    written = complete(settings).results["generate"]
    assert written.sentences.generated == 1
    assert written.sentences.fallbacks == len(KINDS) - 1

    rows = shop.execute("SELECT title, reason::text FROM chatrec.recommendations")
    reasons = [(title, json.loads(reason)) for title, reason in rows]
    because = [(title, reason) for title, reason in reasons if "because" in reason]
    assert len(because) > 50
    for title, reason in because:
        plain = f"{title}, from {reason['group']}, because of {reason['because']}."
        by_model = f"If you liked {reason['because']}, try {title} from our Space shelf."
        assert reason["blurb"] == (by_model if reason["group"] == "Space" else plain)
    assert all("blurb" not in reason for _, reason in reasons if "because" not in reason)
    assert shop.execute("SELECT count(*) FROM chatrec.blurbs") == [(written.blurbs,)]
