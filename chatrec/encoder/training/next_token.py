"""Next-token prediction (Radford et al. 2019) on all texts, concatenated and cut into blocks."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase

from chatrec.data.arrays import Array
from chatrec.encoder.training.loop import Objective
from chatrec.encoder.training.trainable import Learner

BLOCK_TOKENS = 128
BATCH_BLOCKS = 16
HELD_OUT_BLOCKS = 128
"""Maximum blocks of an evaluation."""


class NextToken(Objective):
    """Objective of next-token prediction."""

    def __init__(self, learner: Learner, blocks: Array, held_out: Array, seed: int) -> None:
        super().__init__()
        self.model, self.device = learner.model, learner.device
        self.blocks, self.held_out_blocks, self.seed = blocks, held_out[:HELD_OUT_BLOCKS], seed
        self.batch = min(BATCH_BLOCKS, len(blocks))

    def forward(self, number: int) -> Tensor:
        """Loss of batch `number`."""
        return self._loss(self.blocks[shuffled(len(self.blocks), self.batch, number, self.seed)])

    @torch.no_grad()
    def held_out(self) -> float | None:
        """Loss on held-out blocks."""
        starts = range(0, len(self.held_out_blocks), BATCH_BLOCKS)
        parts = [self.held_out_blocks[start : start + BATCH_BLOCKS] for start in starts]
        if not parts:
            return None
        return float(np.average([self._loss(part).item() for part in parts], weights=[len(part) for part in parts]))

    def _loss(self, rows: Array) -> Tensor:
        ids = torch.from_numpy(rows).to(self.device)
        logits = self.model(ids, attention_mask=torch.ones_like(ids)).logits
        return cross_entropy(logits[:, :-1].flatten(0, 1).float(), ids[:, 1:].flatten())


def blocks_of(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], length: int = BLOCK_TOKENS) -> Array:
    """Concatenate all texts, each followed by an end-of-text token, and cut them into blocks.

    Returns:
        blocks × length, int64. An incomplete last block is dropped, unless it is the only one.
    """
    end = tokenizer.eos_token_id
    tokens = [token for ids in (tokenizer(list(texts))["input_ids"] if texts else []) for token in [*ids, end]]
    usable = max(len(tokens) // length, 1) * length
    return np.array((tokens + [end] * usable)[:usable], np.int64).reshape(-1, length)


def block_length(config: Any) -> int:
    """Context length of the model, at most BLOCK_TOKENS."""
    return min(BLOCK_TOKENS, int(getattr(config, "max_position_embeddings", BLOCK_TOKENS)))


def shuffled(count: int, batch: int, number: int, seed: int) -> Array:
    """Rows of batch `number`: every row occurs once per epoch."""
    positions = np.arange(number * batch, (number + 1) * batch)
    rows: Array = np.concatenate(
        [
            _order(count, seed, epoch)[positions[positions // count == epoch] % count]
            for epoch in np.unique(positions // count)
        ]
    )
    return rows


@lru_cache(maxsize=2)
def _order(count: int, seed: int, epoch: int) -> Array:
    return np.random.default_rng([seed, epoch]).permutation(count)
