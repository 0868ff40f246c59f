"""Tiny real language models, made by the tests and saved as ordinary Hugging Face folders."""

from pathlib import Path

import polars as pl
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from chatrec.extract import schema
from chatrec.extract.schema import write_table
from chatrec.extract.snapshot import Snapshot
from tests.support.models import POSITIONS, TAKEN, TEXTS, TITLES, TOWNS


def _save(folder: Path, model: PreTrainedModel) -> Path:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>").save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def gpt2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 of two layers with random weights and, like the real one, without a padding token."""
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=300, n_positions=POSITIONS, n_embd=32, n_layer=2, n_head=2)
    return _save(tmp_path_factory.mktemp("gpt2"), GPT2LMHeadModel(config))


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of three layers with random weights: the architecture of SmolLM2, with shared keys and values."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=300, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=POSITIONS,
    )  # fmt: skip
    return _save(tmp_path_factory.mktemp("llama"), LlamaForCausalLM(config))


@pytest.fixture(scope="session")
def mistral_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose tokens see the four before them alone."""
    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=300, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=POSITIONS, sliding_window=4,
    )  # fmt: skip
    return _save(tmp_path_factory.mktemp("mistral"), MistralForCausalLM(config))


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    """Seven items with five different texts, and six users."""
    folder = tmp_path / "extract"
    folder.mkdir()
    items = pl.DataFrame({"item_id": range(len(TITLES)), "title": TITLES}).with_columns(
        groups=pl.lit([], pl.List(pl.String)), available=True, arrived_at=pl.lit(None, pl.Int64)
    )
    users = pl.DataFrame({"user_id": range(len(TOWNS)), "active": True, "town": TOWNS})
    events = [(user, item, at) for user, taken in TAKEN.items() for at, item in enumerate(taken)]
    interactions = pl.DataFrame(events, ["user", "item", "occurred_at"], orient="row").with_columns(
        weight=pl.lit(1.0), event=pl.lit("view")
    )
    write_table(folder / schema.ITEMS, items, schema.items_schema(True, []))
    write_table(folder / schema.USERS, users, schema.users_schema(True, ["town"]))
    write_table(folder / schema.INTERACTIONS, interactions, schema.INTERACTIONS_SCHEMA)
    return Snapshot(folder)
