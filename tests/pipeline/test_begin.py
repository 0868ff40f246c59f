"""What `chatrec check` refuses a run refuses too, when it begins."""

from pathlib import Path
from typing import Any

import pytest

from chatrec import pipeline
from chatrec.config import Settings, load
from chatrec.errors import SettingsError
from chatrec.pipeline.preflight import preflight
from tests.support.finished import migrate
from tests.support.shop import SELECTS, Shop, write_settings

ITEMS = "SELECT no AS item_id, name AS title, plot, kinds AS groups, changed_at AS published FROM films"
AS_TEXT = {"source.items": ITEMS.replace("changed_at AS", "changed_at::text AS")}
DENIED: list[dict[str, Any]] = [{"name": "adult", "groups": ["Adults only"]}]
LATER = {"name": "pinned", "item": "4711", "place": 1}
MISTAKES: dict[str, dict[str, Any]] = {
    'Rule "adult" names the group "Adults only", which no item has': {"rules.deny": DENIED},
    "freshness asks for the time published, but source.items gives it as text": {
        **AS_TEXT,
        "rules.freshness": {"attribute": "published"},
    },
    'Rule "a" asks for the column maker': {"rules.caps": [{"name": "a", "attribute": "maker", "at_most": 1}]},
    'rules.repeat names the group "Tea"': {"rules.repeat": {"policy": "groups", "groups": ["Tea"]}},
    "source.interactions gives user_id as text, source.users as bigint": {
        "source.interactions": SELECTS["interactions"].replace("customer AS", "customer::text AS")
    },
    "tables were made for item_id of type bigint": {
        "source.items": SELECTS["items"].replace("no AS", "no::text AS"),
        "source.interactions": SELECTS["interactions"].replace("film AS", "film::text AS"),
    },
    "gives no occurred_at": {"source.interactions": "SELECT customer AS user_id, film AS item_id FROM views"},
    "fairness.audit names height": {"fairness.audit": ["height"]},
    "fairness.attribute names seller": {"fairness.attribute": "seller"},
    "nowhere is neither a GGUF file nor a folder": {"encoder.model": "./nowhere"},
    "encoder.model 'no-such/model' ": {"encoder.model": "no-such/model"},
    "encoder.model 'not a name' ": {"encoder.model": "not a name"},
}


@pytest.fixture(scope="module")
def migrated(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(module_database)
    shop.create()
    migrate(load(write_settings(tmp_path_factory.mktemp("migrated"), shop.url, {})))
    return shop


@pytest.fixture
def settings(migrated: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    return load(write_settings(tmp_path, migrated.url, {}))


@pytest.mark.parametrize(("words", "changes"), MISTAKES.items(), ids=MISTAKES)
def test_a_run_ends_before_its_first_step(
    migrated: Shop, settings: Settings, words: str, changes: dict[str, Any]
) -> None:
    wrong = settings.override(changes)
    answers = [finding.answer for finding in preflight(wrong) if not finding.ok]
    assert any(words in answer for answer in answers), answers
    result = pipeline.run(wrong, "20260601T000000Z")
    assert isinstance(result.error, SettingsError)
    assert words in str(result.error)
    assert (result.state, result.steps) == ("failed", {})
    with pytest.raises(SettingsError) as raised:
        pipeline.begin(wrong, "20260601T000001Z", "airflow")
    assert str(raised.value) == str(result.error)
    assert migrated.execute("SELECT state, count(*) FROM chatrec.runs GROUP BY 1") == [("failed", 2)]


@pytest.mark.parametrize(("until", "warnings"), [("2026-02-01", 0), ("2099-02-01", 1)])
def test_a_pinned_item_that_is_gone_is_a_warning(
    settings: Settings, caplog: pytest.LogCaptureFixture, until: str, warnings: int
) -> None:
    pinned = settings.override({"rules.pins": [{**LATER, "until": until}]})
    assert pipeline.begin(pinned, "20260601T000002Z", "steps").key == "20260601T000002Z"
    assert caplog.text.count('Rule "pinned" pins the item 4711, which source.items does not give.') == warnings
