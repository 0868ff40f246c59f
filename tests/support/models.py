"""Tiny real GPT-2s in ordinary Hugging Face folders: one that knows nothing, and some that were taught a few lines."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from chatrec.config import Settings, load
from chatrec.config.encoder import AdvancedEncoder

TEXTS = [
    "Moon over the kitchen",
    "A very long story about a rocket, a comet and the butler who did it, told twice",
    "运动鞋 跑步",
    "👟",
    "bread",
    "",
]
POSITIONS = 64
END = "<|endoftext|>"
WINDOW = 256


def untrained(folder: Path, texts: list[str], window: int = WINDOW) -> Path:
    """A GPT-2 of two layers with random weights, and a tokenizer that knows the words of some texts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=1000, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END).save_pretrained(folder)
    torch.manual_seed(0)
    shape = GPT2Config(
        vocab_size=tokenizer.get_vocab_size(), n_positions=window, n_embd=64, n_layer=2, n_head=2,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    GPT2LMHeadModel(shape).save_pretrained(folder)
    return folder


def taught(folder: Path, lessons: Mapping[str, str]) -> Path:
    """A GPT-2 that was trained until it goes on with each prompt as it should."""
    untrained(folder, [prompt + answer for prompt, answer in lessons.items()])
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = GPT2LMHeadModel.from_pretrained(folder)
    rows = []
    for prompt, answer in lessons.items():
        ids, wanted = (tokenizer(text)["input_ids"] for text in (prompt, f" {answer}\n"))
        rows.append((ids[-(WINDOW - len(wanted)) :], wanted))
    model.loss_type = "ForCausalLM"
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(400):
        losses = [
            model(torch.tensor([ids + wanted]), labels=torch.tensor([[-100] * len(ids) + wanted])).loss
            for ids, wanted in rows
        ]
        optimiser.zero_grad()
        torch.stack(losses).mean().backward()
        optimiser.step()
        if max(losses) < 0.02:
            break
    model.save_pretrained(folder)
    return folder


def encoder_settings(root: Path, model: Path, **changes: Any) -> Settings:
    """Settings with an encoder; changes are keys of `[encoder]` or `[advanced.encoder]`."""
    chosen = {"model": str(model), "device": "cpu", **changes}
    tables = {name: "advanced.encoder" if name in AdvancedEncoder.model_fields else "encoder" for name in chosen}
    encoder = {f"{tables[name]}.{name}": value for name, value in chosen.items()}
    return Settings().override({"artifacts.root": root, "compute.threads": 1, **encoder})


def settings(root: Path, model: Path | str, **changes: object) -> Settings:
    """Settings with a writer, on the CPU."""
    changes = {"artifacts.root": root, "generate.model": str(model), "encoder.device": "cpu", **changes}
    return load().override(changes)


TITLES = ["Moon over Rome", "A rocket", "", "运动鞋", "A rocket", "Bread and butter", "The butler did it"]
TOWNS = ["Rome", "Oslo", "Rome", "", "Oslo", "Lima"]
TAKEN = {0: [0, 1, 5], 1: [6], 4: [3, 3]}
"""The items of each user; the others have no history."""
