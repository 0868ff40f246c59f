"""The compact GPT-2 of a catalogue: it learns, and it is an ordinary Hugging Face folder."""

from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from chatrec.config.encoder import EncoderConfig, LocalGpt2
from chatrec.encoder import local_gpt2

TEXTS = [
    f"the {colour} {thing} is number {n}" for n in range(30) for colour in ("red", "blue") for thing in ("cup", "hat")
]
SMALL = EncoderConfig(max_tokens=32, local=LocalGpt2(layers=1, width=32, vocabulary=300, train_tokens=120_000))


def test_it_learns_to_predict_the_catalogue(tmp_path: Path) -> None:
    facts = local_gpt2.train(TEXTS, tmp_path / "gpt2", SMALL, seed=1)
    assert facts.last_loss < facts.first_loss / 2
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "gpt2")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "gpt2")
    assert model.config.model_type == "gpt2"
    for text in ("运动鞋 👟 naïve", "the red cup"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    few = SMALL.model_copy(update={"local": LocalGpt2(layers=1, width=32, vocabulary=300, train_tokens=4096)})
    for name in ("one", "two"):
        local_gpt2.train(TEXTS, tmp_path / name, few, seed=1)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two")]
    assert files[0] == files[1]


@pytest.mark.parametrize("texts", [[], [""], ["one"]])
def test_a_tiny_catalogue_is_enough(tmp_path: Path, texts: list[str]) -> None:
    local_gpt2.train(
        texts,
        tmp_path / "gpt2",
        SMALL.model_copy(update={"local": LocalGpt2(layers=1, width=32, train_tokens=2048)}),
        1,
    )
    assert (tmp_path / "gpt2" / "config.json").exists()
