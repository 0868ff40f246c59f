"""Texts through the model, in batches of like length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from chatrec.encoder.checkpoint import Checkpoint
from chatrec.encoder.pooling import weighted_mean
from chatrec.progress import Progress
from chatrec.source.snapshot import Array

CHARACTERS_OF_A_TOKEN = 16
"""No tokenizer in use makes longer tokens on average: a text of a megabyte is cut before it is tokenised."""


@dataclass
class Spent:
    """What encoding cost."""

    tokens: int = 0
    padded: int = 0
    """Tokens including padding."""


def encode(
    checkpoint: Checkpoint,
    texts: Sequence[str],
    max_tokens: int,
    batch_tokens: int,
    shown: Progress,
    spent: Spent,
) -> Array:
    """The raw vectors of texts.

    Args:
        checkpoint: the model.
        texts: of any length, an empty one included.
        max_tokens: longer texts are cut.
        batch_tokens: tokens of a batch, padding included.
        shown: advances by texts.
        spent: is added to.

    Returns:
        texts × width, float32, in the order of the texts.
    """
    tokens = tokenise(checkpoint, texts, max_tokens)
    vectors = np.zeros((len(texts), checkpoint.width), np.float32)
    for batch in batches([len(ids) for ids in tokens], batch_tokens):
        ids, mask = padded([tokens[text] for text in batch], checkpoint.tokenizer.pad_token_id)
        with torch.inference_mode():
            vectors[batch] = forward(checkpoint, ids, mask).cpu().numpy()
        spent.tokens += int(mask.sum())
        spent.padded += mask.size
        shown.advance(len(batch))
    return vectors


def batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Groups texts of like length, the shortest first, so that almost nothing is padded.

    Args:
        lengths: tokens of each text.
        batch_tokens: most tokens of a batch; a longer text is a batch of its own.
    """
    batch: list[int] = []
    for text in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batch and lengths[text] * (len(batch) + 1) > batch_tokens:
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch


def tokenise(checkpoint: Checkpoint, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    """The tokens of each text, at least one."""
    cut = [text[: max_tokens * CHARACTERS_OF_A_TOKEN] for text in texts]
    found = checkpoint.tokenizer(cut, truncation=True, max_length=max_tokens)["input_ids"] if cut else []
    return [ids or [checkpoint.tokenizer.eos_token_id] for ids in found]


def padded(tokens: Sequence[Sequence[int]], pad: int) -> tuple[Array, Array]:
    """Texts as a matrix of tokens, filled up with `pad`, and a mask that is 1 where a token is one of the text's."""
    shape = (len(tokens), max(map(len, tokens)))
    ids, mask = np.full(shape, pad, np.int64), np.zeros(shape, np.int64)
    for row, text in enumerate(tokens):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return ids, mask


def forward(checkpoint: Checkpoint, ids: Array, mask: Array) -> Tensor:
    """The raw vectors of a batch, float32, on the checkpoint's device: through here go training and encoding alike."""
    there = torch.from_numpy(mask).to(checkpoint.device)
    states = checkpoint.model(torch.from_numpy(ids).to(checkpoint.device), attention_mask=there).last_hidden_state
    return weighted_mean(states, there)
