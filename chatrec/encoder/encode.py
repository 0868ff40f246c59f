"""Texts through the model, in batches of like length."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from chatrec.encoder.checkpoint import Checkpoint
from chatrec.encoder.pooling import pool
from chatrec.errors import SettingsError
from chatrec.progress import Progress
from chatrec.source.snapshot import Array

CHARACTERS_OF_A_TOKEN = 16
"""No tokenizer in use makes longer tokens on average: a text of a megabyte is cut before it is tokenised."""
MOST_PADDING, LEAST_OF_A_BATCH = 0.04, 1 / 16
"""A batch with this share of the tokens that it may have ends before padding is a larger share of it."""


@dataclass
class Spent:
    """What encoding cost."""

    tokens: int = 0
    padded: int = 0
    """Tokens including padding."""
    seconds: float = 0.0
    halved: int = 0
    """How often a batch did not fit into memory."""

    @property
    def padding(self) -> float:
        """The share of tokens that are none of a text's."""
        return (self.padded - self.tokens) / max(self.padded, 1)

    @property
    def rate(self) -> float:
        """Tokens a second, padding not counted."""
        return self.tokens / max(self.seconds, 1e-9)


def encode(checkpoint: Checkpoint, texts: Sequence[str], shown: Progress, spent: Spent) -> Array:
    """The raw vectors of texts.

    Args:
        checkpoint: the model.
        texts: of any length, an empty one included.
        shown: advances by texts.
        spent: is added to.

    Returns:
        texts × width, float32, in the order of the texts.

    Raises:
        SettingsError: not even one text fits into the memory of the device.
    """
    since = time.monotonic()
    tokens = tokenise(checkpoint, texts)
    vectors = np.zeros((len(texts), checkpoint.width), np.float32)
    order: list[int] = []
    found: list[Tensor] = []  # stays on the device: copying each batch would wait for it
    waiting = _mixed(batches(list(map(len, tokens)), checkpoint.batch_tokens))
    with torch.inference_mode():
        for batch, pooled in _pooled(checkpoint, tokens, waiting, spent):
            order += batch
            found.append(pooled)
            now = time.monotonic()
            spent.seconds, since = spent.seconds + now - since, now
            shown.advance(len(batch), f"{spent.rate:,.0f} tokens/s")
    if found:
        vectors[order] = torch.cat(found).cpu().numpy()
    spent.seconds += time.monotonic() - since
    return vectors


def batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Groups texts of like length, the shortest first, so that almost nothing is padded.

    Args:
        lengths: tokens of each text.
        batch_tokens: most tokens of a batch; a longer text is a batch of its own.
    """
    batch: list[int] = []
    tokens = 0
    for text in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        size = lengths[text] * (len(batch) + 1)
        is_fair = tokens + lengths[text] >= (1 - MOST_PADDING) * size or tokens < LEAST_OF_A_BATCH * batch_tokens
        if batch and (size > batch_tokens or not is_fair):
            yield batch
            batch, tokens = [], 0
        batch.append(text)
        tokens += lengths[text]
    if batch:
        yield batch


def _mixed(made: Iterable[list[int]]) -> list[list[int]]:
    """Long and short texts by turns, so that what is done says how long the rest takes."""
    ordered = list(made)
    return [ordered[number] for number in np.random.default_rng(0).permutation(len(ordered))]


def tokenise(checkpoint: Checkpoint, texts: Sequence[str]) -> list[list[int]]:
    """The tokens of each text, at least one, and those of the prompt."""
    prompt = list(checkpoint.reading.prompt)
    longest = checkpoint.reading.max_tokens - len(prompt)
    cut = [text[: longest * CHARACTERS_OF_A_TOKEN] for text in texts]
    found = checkpoint.tokenizer(cut, truncation=True, max_length=longest)["input_ids"] if cut else []
    return [(ids or [checkpoint.tokenizer.eos_token_id]) + prompt for ids in found]


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
    there = _to(checkpoint.device, mask)
    states = checkpoint.model(_to(checkpoint.device, ids), attention_mask=there, use_cache=False).last_hidden_state
    with torch.autocast(checkpoint.device.type, enabled=False):  # while learning: a mean of many tokens in eight bits
        return pool(states, there, checkpoint.reading)


def _pooled(
    checkpoint: Checkpoint, tokens: Sequence[Sequence[int]], waiting: list[list[int]], spent: Spent
) -> Iterator[tuple[list[int], Tensor]]:
    """Batch by batch; one that does not fit into memory is halved, and so are those after it that are as large."""
    limit: float = np.inf
    while waiting:
        batch = waiting.pop()
        ids, mask = padded([tokens[text] for text in batch], checkpoint.tokenizer.pad_token_id)
        if mask.size <= limit or len(batch) == 1:
            try:
                pooled = forward(checkpoint, ids, mask)
            except torch.OutOfMemoryError:
                _refuse_a_single_text(batch, mask)
                limit = mask.size // 2
                spent.halved += 1
            else:
                spent.tokens += int(mask.sum())
                spent.padded += mask.size
                yield batch, pooled
                continue
        waiting += [batch[len(batch) // 2 :], batch[: len(batch) // 2]]


def _refuse_a_single_text(batch: Sequence[int], mask: Array) -> None:
    if len(batch) == 1:
        raise SettingsError(
            f"Not even one text of {mask.size} tokens fits into the memory of the device: lower encoder.max_tokens, "
            "take a smaller encoder.model, or encoder.device = cpu."
        ) from None


def _to(device: torch.device, array: Array) -> Tensor:
    """On a GPU from pinned memory, so that nobody waits for the copy."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
