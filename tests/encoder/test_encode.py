"""Encoding: the vectors are those of a plain forward pass, whatever the batches."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModel, AutoTokenizer

from chatrec.encoder import checkpoint
from chatrec.encoder.encode import Spent, batches, encode
from chatrec.encoder.pooling import weighted_mean
from chatrec.errors import SettingsError
from chatrec.progress import progress
from chatrec.settings.model import Encoder
from tests.encoder.conftest import TEXTS


def vectors_of(folder: Path, texts: list[str], batch_tokens: int = 64, max_tokens: int = 32) -> np.ndarray:
    loaded = checkpoint.load(folder, Encoder(device="cpu"))
    with progress("test", 0) as shown:
        return encode(loaded, texts, max_tokens, batch_tokens, shown, Spent())


@pytest.mark.parametrize("batch_tokens", [16, 40, 4096])
def test_vectors_equal_a_plain_forward_pass(gpt2_folder: Path, batch_tokens: int) -> None:
    """One text at a time, no padding, and the pooling written out: Σ p·h_p / Σ p."""
    tokenizer, model = AutoTokenizer.from_pretrained(gpt2_folder), AutoModel.from_pretrained(gpt2_folder).eval()
    expected = []
    for text in TEXTS:
        ids = tokenizer(text)["input_ids"][:32] or [tokenizer.eos_token_id]
        with torch.no_grad():
            states = model(torch.tensor([ids])).last_hidden_state[0].double().numpy()
        weights = np.arange(1, len(ids) + 1)
        expected.append((weights[:, None] * states).sum(0) / weights.sum())
    found = vectors_of(gpt2_folder, TEXTS, batch_tokens)
    assert np.abs(found - np.array(expected)).max() < 1e-5


@given(st.lists(st.integers(1, 200), max_size=60), st.integers(16, 400))
def test_batches_are_a_permutation_within_the_budget(lengths: list[int], budget: int) -> None:
    made = list(batches(lengths, budget))
    assert sorted(text for batch in made for text in batch) == list(range(len(lengths)))
    for batch in made:
        longest = max(lengths[text] for text in batch)
        assert longest * len(batch) <= max(budget, longest)


def test_batches_of_like_length_waste_little() -> None:
    lengths = np.random.default_rng(0).poisson(20, 3000).clip(1).tolist()
    padded = sum(max(lengths[text] for text in batch) * len(batch) for batch in batches(lengths, 2048))
    assert 1 - sum(lengths) / padded < 0.05


def test_padding_does_not_count() -> None:
    states = torch.randn(1, 3, 4)
    padded = torch.cat([states, torch.full((1, 2, 4), 1e6)], 1)
    mask = torch.tensor([[1, 1, 1, 0, 0]])
    assert torch.allclose(weighted_mean(padded, mask), weighted_mean(states, mask[:, :3]))


def test_a_megabyte_of_text_is_cut(gpt2_folder: Path) -> None:
    huge = "moon " * 200_000
    found = vectors_of(gpt2_folder, [huge, huge[:1000]])
    assert np.allclose(found[0], found[1], atol=1e-5)


def test_a_folder_without_a_model_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"encoder\.model .* cannot be loaded"):
        checkpoint.load(tmp_path, Encoder(device="cpu"))


def test_the_fingerprint_knows_weights_and_length(gpt2_folder: Path, tmp_path: Path) -> None:
    one = checkpoint.load(gpt2_folder, Encoder(device="cpu"))
    assert checkpoint.load(gpt2_folder, Encoder(device="cpu")).fingerprint == one.fingerprint
    assert checkpoint.load(gpt2_folder, Encoder(device="cpu", max_tokens=7)).fingerprint != one.fingerprint
    one.model.wte.weight.data[0, 0] += 1
    one.model.save_pretrained(tmp_path)
    one.tokenizer.save_pretrained(tmp_path)
    assert checkpoint.load(tmp_path, Encoder(device="cpu")).fingerprint != one.fingerprint
