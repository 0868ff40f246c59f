"""Encoders on the command line: trained, listed, promoted, gone back from."""

import json

from chatrec.pipeline.preflight import preflight
from tests.support.finished import Finished
from tests.support.processes import Chatrec


def test_there_and_back(chatrec: Chatrec, finished: Finished) -> None:
    settings, local = finished.settings, finished.run.results["encoder"].encoder
    small = {"CHATREC_FINETUNE__STEPS": "4", "CHATREC_ADVANCED__FINETUNE__PAIRS": "8"}
    code, out, err = chatrec("finetune", "--method", "bias", "--no-promote", **small)
    assert code == 0
    assert "NDCG@10 of pseudo-cold items" in out
    assert "Train a candidate encoder" in err
    first, second = json.loads(chatrec("encoders", "--json")[1])
    assert (first["name"], first["how"], first["live"]) == (local, "local", True)
    assert (second["how"], second["live"]) == ("bias", False)
    assert {"ndcg@10", "run", "gain", "over"} <= second["scores"].keys()

    name = second["name"]
    assert chatrec("encoders", "use", name) == (0, f"The next run encodes with {name}.\n", "")
    (live,) = [line for line in chatrec("encoders")[1].splitlines() if line.startswith("live")]
    assert name in live
    assert local in live  # what it was made from
    (answer,) = [finding.answer for finding in preflight(settings) if finding.question == "encoder"]
    assert name in answer
    assert chatrec("encoders", "use", "--back")[1] == "The next run encodes with local.\n"
    code, _, err = chatrec("encoders", "use", "--back")
    assert code == 1
    assert "There is no encoder to go back to" in err
