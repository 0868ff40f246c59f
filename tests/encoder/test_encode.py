"""Encoding: the vectors are those of a plain forward pass, whatever the batches."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from transformers import AutoModel, AutoTokenizer

from chatrec.config.encoder import EncoderConfig, Pooling
from chatrec.encoder import checkpoint, encode
from chatrec.encoder.checkpoint import Checkpoint
from chatrec.encoder.encode import batches, encode_all
from chatrec.encoder.fast_linear import speed_up
from chatrec.encoder.pooling import pool
from chatrec.encoder.pooling_config import PoolingConfig
from chatrec.encoder.spent import EncodingCost
from chatrec.errors import SettingsError
from chatrec.runtime.progress import progress
from tests.support.models import POSITIONS, TEXTS

POOLINGS = sorted(set(get_args(Pooling)) - {"auto"})
PROMPT = " It is"


def cpu(**changes: Any) -> EncoderConfig:
    return EncoderConfig(device="cpu", **{"precision": "float32", "prompt": PROMPT, **changes})


def vectors_of(
    loaded: Checkpoint, texts: list[str], batch_tokens: int = 64, spent: EncodingCost | None = None
) -> np.ndarray:
    with progress("test", 0) as shown:
        return encode_all(replace(loaded, batch_tokens=batch_tokens), texts, shown, spent or EncodingCost())


def how(pooling: Pooling, first_token: bool) -> PoolingConfig:
    return PoolingConfig((1,), pooling=pooling, first_token=first_token, prompt=(7,) if pooling == "prompt" else ())


@cache
def forward(folder: Path, prompted: bool) -> list[tuple[list[int], int, Any]]:
    """Of each text, one at a time and without padding: its tokens, how many the prompt has, and all layers."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    prompt = tokenizer(PROMPT)["input_ids"] if prompted else []
    found = []
    for text in TEXTS:
        ids = (tokenizer(text)["input_ids"][: POSITIONS - len(prompt)] or [tokenizer.eos_token_id]) + prompt
        with torch.no_grad():
            found.append((ids, len(prompt), model(torch.tensor([ids]), output_hidden_states=True).hidden_states))
    return found


def plain(folder: Path, layer: int, pooling: str, first_token: bool) -> np.ndarray:
    """The pooling written out."""
    found = []
    for ids, prompt, of_layers in forward(folder, pooling == "prompt"):
        states = of_layers[layer][0].double().numpy()
        if pooling == "prompt":
            text = of_layers[{1: 1, 2: 1, 3: 2}[layer]][0][: len(ids) - prompt].double().numpy()
            found.append(np.concatenate([states[-1], text[not first_token and len(text) > 1 :].mean(0)]))
            continue
        positions = np.arange(1, len(ids) + 1)
        if not first_token and len(ids) > 1:
            states, positions = states[1:], positions[1:]
        if pooling == "last":
            found.append(states[-1])
        else:
            found.append(np.average(states, axis=0, weights=positions if pooling == "weighted" else None))
    return np.array(found)


@pytest.mark.parametrize("first_token", [True, False])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(("model", "layer"), [("gpt2", 1), ("gpt2", 2), ("llama", 1), ("llama", 2), ("llama", 3)])
def test_vectors_equal_a_plain_forward_pass(
    request: pytest.FixtureRequest, model: str, layer: int, pooling: Pooling, first_token: bool
) -> None:
    folder = request.getfixturevalue(f"{model}_folder")
    loaded = checkpoint.load(folder, cpu(layer=layer, pooling=pooling, first_token=first_token))
    expected = plain(folder, layer, pooling, first_token)
    for batch_tokens in (16, 40, 4096):
        assert np.abs(vectors_of(loaded, TEXTS, batch_tokens) - expected).max() < 1e-5, batch_tokens


def test_a_model_that_sees_few_tokens_keeps_its_masks(mistral_folder: Path) -> None:
    loaded = checkpoint.load(mistral_folder, cpu(layer=2, pooling="mean"))
    assert np.abs(vectors_of(loaded, TEXTS) - plain(mistral_folder, 2, "mean", False)).max() < 1e-5


@pytest.mark.parametrize("at_once", [1, 2, 9])
def test_parts_come_back_as_they_were(gpt2_folder: Path, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(encode.PARTS_AT_ONCE, "cpu", at_once)
    loaded = checkpoint.load(gpt2_folder, cpu())
    parts = [TEXTS[:2], [], TEXTS[2:], TEXTS[:1]]
    with progress("test", 0) as shown:
        found = list(encode.encode(loaded, parts, shown, EncodingCost()))
    assert [len(part) for part in found] == [2, 0, 4, 1]
    for part, vectors in zip(parts, found, strict=True):
        assert np.abs(vectors - vectors_of(loaded, part)).max(initial=0) < 1e-5


@pytest.mark.parametrize("model", ["gpt2", "llama"])
def test_kernels_of_a_gpu_compute_the_same(request: pytest.FixtureRequest, model: str) -> None:
    """On the CPU, where gelu comes out by another formula: apart by less than 5e-4 in each of the two blocks."""
    loaded = AutoModel.from_pretrained(request.getfixturevalue(f"{model}_folder")).eval()
    ids = torch.arange(40)[None]
    with torch.no_grad():
        before = loaded(ids).last_hidden_state
        speed_up(loaded, "float32", torch.device("cuda"))
        after = loaded(ids).last_hidden_state
    replaced = {type(module).__name__ for module in loaded.modules()} & {"GeluLinear", "RMSNorm"}
    assert replaced == {"GeluLinear" if model == "gpt2" else "RMSNorm"}
    assert (after - before).abs().max() < 2e-3


def test_layers_that_are_not_read_are_not_kept(llama_folder: Path) -> None:
    sizes = [
        sum(weights.numel() for weights in checkpoint.load(llama_folder, cpu(layer=layer)).model.layers.parameters())
        for layer in (1, 2, 3)
    ]
    assert sizes == [sizes[0], 2 * sizes[0], 3 * sizes[0]]


@pytest.mark.parametrize(
    ("pretrained", "wanted", "layer", "pooling"),
    [(True, "auto", 2, "prompt"), (True, "mean", 1, "mean"), (False, "auto", 3, "mean"), (False, "last", 3, "last")],
)
def test_what_the_settings_leave_open_is_chosen(
    llama_folder: Path, pretrained: bool, wanted: Pooling, layer: int, pooling: Pooling
) -> None:
    chosen = checkpoint.load(llama_folder, cpu(pooling=wanted), pretrained)
    assert (chosen.reading.layers[0], chosen.reading.pooling) == (layer, pooling)
    written = checkpoint.load(llama_folder, cpu(layer=layer, pooling=pooling), pretrained)
    assert chosen.fingerprint == written.fingerprint


def test_a_prompt_leaves_room_for_texts(gpt2_folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"encoder\.max_tokens 5 leaves no room for a text before the \d+ tokens"):
        checkpoint.load(gpt2_folder, cpu(max_tokens=5, prompt=PROMPT * 9))


def test_a_layer_that_is_not_there_is_named(gpt2_folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"encoder\.layer 3 is more than the 2 layers"):
        checkpoint.load(gpt2_folder, cpu(layer=3))


@given(st.lists(st.integers(1, 200), max_size=60), st.integers(16, 400))
def test_batches_are_a_permutation_within_the_budget(lengths: list[int], budget: int) -> None:
    made = list(batches(lengths, budget))
    assert sorted(text for batch in made for text in batch) == list(range(len(lengths)))
    for batch in made:
        longest = max(lengths[text] for text in batch)
        assert longest * len(batch) <= max(budget, longest)


@pytest.mark.parametrize("texts", [250, 3000])
def test_batches_of_like_length_waste_little_of_few_texts_too(texts: int) -> None:
    lengths = np.random.default_rng(0).gamma(3, 20, texts).astype(int).clip(1).tolist()
    padded = sum(max(lengths[text] for text in batch) * len(batch) for batch in batches(lengths, 2048))
    assert 1 - sum(lengths) / padded < 0.05


@pytest.mark.parametrize("first_token", [True, False])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_does_not_count(pooling: Pooling, first_token: bool) -> None:
    states = torch.randn(2, 3, 4)
    padded = torch.cat([states, torch.full((2, 2, 4), 1e6)], 1)
    mask = torch.tensor([[1, 1, 1, 0, 0]] * 2)
    found = pool(padded, mask, how(pooling, first_token))
    assert torch.allclose(found, pool(states, mask[:, :3], how(pooling, first_token)))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.sampled_from(POOLINGS), st.booleans())
def test_equal_states_pool_to_themselves(lengths: list[int], pooling: Pooling, first_token: bool) -> None:
    """Weights sum to 1, whatever the lengths: of one token too."""
    reading = how(pooling, first_token)
    mask = (torch.arange(10) < torch.tensor(lengths)[:, None] + len(reading.prompt)).long()
    states = torch.ones(len(lengths), 10, 2) * torch.tensor([1.0, -2.0])
    assert torch.allclose(pool(states, mask, reading), states[:, 0])


@pytest.mark.parametrize("model", ["gpt2", "llama"])
def test_lower_precision_gives_nearly_the_same_directions(request: pytest.FixtureRequest, model: str) -> None:
    folder = request.getfixturevalue(f"{model}_folder")
    low, high = (vectors_of(checkpoint.load(folder, cpu(precision=each)), TEXTS) for each in ("bfloat16", "float32"))
    cosines = (low * high).sum(1) / np.linalg.norm(low, axis=1) / np.linalg.norm(high, axis=1)
    assert not (low == high).all()
    assert cosines.min() > 0.999


def test_automatic_precision_is_float32_for_a_local_model(gpt2_folder: Path) -> None:
    chosen = checkpoint.load(gpt2_folder, cpu(precision="auto", layer=2, pooling="mean"), pretrained=False)
    assert chosen.fingerprint == checkpoint.load(gpt2_folder, cpu(layer=2, pooling="mean")).fingerprint


class Small(nn.Module):
    """A model on a device whose memory holds so many tokens at once."""

    def __init__(self, model: Any, tokens: int) -> None:
        super().__init__()
        self.model, self.config, self.tokens = model, model.config, tokens
        self.asked: list[int] = []

    def forward(self, ids: torch.Tensor, **options: Any) -> Any:
        self.asked.append(ids.numel())
        if ids.numel() > self.tokens:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return self.model(ids, **options)


def test_what_does_not_fit_into_memory_is_halved(gpt2_folder: Path) -> None:
    loaded = checkpoint.load(gpt2_folder, cpu())
    texts = [f"the {n}th story of a rocket" for n in range(100)]
    small, spent = Small(loaded.model, 60), EncodingCost()
    found = vectors_of(replace(loaded, model=small), texts, 256, spent)
    assert np.abs(found - vectors_of(loaded, texts, 256)).max() < 1e-5
    assert spent.halved == sum(tokens > 60 for tokens in small.asked)
    assert 0 < spent.halved < 5  # the batches after it are not tried in vain


def test_a_text_that_does_not_fit_alone_is_named(gpt2_folder: Path) -> None:
    loaded = checkpoint.load(gpt2_folder, cpu())
    with pytest.raises(SettingsError, match=r"Not even one text of \d+ tokens .*encoder\.max_tokens"):
        vectors_of(replace(loaded, model=Small(loaded.model, 1)), TEXTS)


def test_a_megabyte_of_text_is_cut(gpt2_folder: Path) -> None:
    huge = "moon " * 200_000
    found = vectors_of(checkpoint.load(gpt2_folder, cpu(max_tokens=32)), [huge, huge[:1000]])
    assert np.allclose(found[0], found[1], atol=1e-5)


def test_a_text_longer_than_the_model_can_read_is_cut(gpt2_folder: Path) -> None:
    loaded = checkpoint.load(gpt2_folder, cpu(max_tokens=8192))
    assert loaded.reading.max_tokens == POSITIONS
    assert np.isfinite(vectors_of(loaded, ["moon " * 500])).all()


def test_a_folder_without_a_model_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"encoder\.model .* cannot be loaded"):
        checkpoint.load(tmp_path, cpu())


def test_the_fingerprint_knows_the_weights(gpt2_folder: Path, tmp_path: Path) -> None:
    one = checkpoint.load(gpt2_folder, cpu())
    assert checkpoint.load(gpt2_folder, cpu()).fingerprint == one.fingerprint
    one.tokenizer.save_pretrained(tmp_path)
    changed = AutoModel.from_pretrained(gpt2_folder)
    changed.wte.weight.data[0, 0] += 1
    changed.save_pretrained(tmp_path)
    assert checkpoint.load(tmp_path, cpu()).fingerprint != one.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"max_tokens": 7}, {"layer": 2}, {"pooling": "last"}, {"first_token": True}, {"precision": "bfloat16"},
        {"prompt": " That is"},
    ],
)  # fmt: skip
def test_the_fingerprint_knows_how_the_model_is_used(gpt2_folder: Path, change: dict[str, Any]) -> None:
    one = checkpoint.load(gpt2_folder, cpu()).fingerprint
    assert checkpoint.load(gpt2_folder, cpu(**change)).fingerprint != one
