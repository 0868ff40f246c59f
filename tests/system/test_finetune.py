"""`chatrec_finetune` for real on MovieLens-100k: a candidate is trained, measured, and takes over the next run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatrec import demo
from chatrec.config import Settings
from chatrec.db.engine import open_database
from chatrec.demo import movielens
from chatrec.encoder import registry
from chatrec.pipeline.finetune import STEPS
from chatrec.runs.run import runs_under
from tests.support.standalone import Airflow, standalone

pytestmark = pytest.mark.system
SMALL = {
    "CHATREC_CONFIG": str(Path(demo.__file__).parent / "chatrec.toml"),
    "CHATREC_ADVANCED__ENCODER__LOCAL__LAYERS": "2",
    "CHATREC_ADVANCED__ENCODER__LOCAL__WIDTH": "64",
    "CHATREC_ADVANCED__ENCODER__LOCAL__VOCABULARY": "1000",
    "CHATREC_ADVANCED__ENCODER__LOCAL__TRAIN_TOKENS": "50000",
    "CHATREC_ENCODER__MODEL": "local",
    "CHATREC_AIGC__MINUTES": "0",
    "CHATREC_ADVANCED__FINETUNE__EVAL_EVERY": "25",
    "CHATREC_ADVANCED__TEXT__HISTORY": "0",
}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Airflow, Path]]:
    folder = tmp_path_factory.mktemp("up")
    data = movielens.download(folder / "data")
    settings = Settings().override({"database.folder": folder / "postgres"})
    with open_database(settings, "chatrec test") as engine:
        movielens.load(engine, data)
    with standalone(folder, SMALL) as (_, airflow):
        yield airflow, folder / "artifacts"


def embedded_texts(root: Path) -> list[int]:
    """How many texts each run had to encode."""
    manifests = [run.manifest("embed") for run in runs_under(root)]
    return [int(manifest.result.to_dict()["texts_embedded"]) for manifest in manifests if manifest]


def test_a_fine_tuned_encoder_takes_over(up: tuple[Airflow, Path]) -> None:
    airflow, root = up
    assert set(airflow.run("chatrec_nightly").values()) == {"success"}
    assert embedded_texts(root)[-1] > 1_600

    states = airflow.run("chatrec_finetune", steps=150)
    assert states == dict.fromkeys(["begin", *(step.name for step in STEPS)], "success")
    local, tuned = registry.versions(root)
    assert registry.live(root) == root / registry.FOLDER / tuned.name
    assert tuned.scores["gain"][1] > 0
    assert tuned.scores["ndcg@10"] > local.scores["ndcg@10"]
    events = airflow.call("GET", "/api/v2/assets/events")["asset_events"]
    assert [event["extra"]["verdict"] for event in events if "pseudo-cold" in event["extra"].get("verdict", "")]

    assert set(airflow.run("chatrec_nightly").values()) == {"success"}
    assert embedded_texts(root)[-1] == 0
