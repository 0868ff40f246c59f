"""Contrastive learning on co-occurring items: texts of items with common users move closer together.

Training uses the similarity of inference: the cosine of whitened vectors. The whitening is fitted once, before the
first step. The loss is InfoNCE with in-batch negatives, in both directions (van den Oord et al. 2018, arXiv:1807.03748;
Radford et al. 2021, arXiv:2103.00020). Items are sampled in proportion to their interactions, so log Q, the logarithm
of the sampling probability, is subtracted from the score (Yi et al. 2019, Sampling-bias-corrected neural modeling for
large corpus item recommendations, eq. 5).
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from chatrec.data.arrays import Array
from chatrec.encoder.checkpoint import Checkpoint
from chatrec.encoder.encode import encode_all, forward, padded, tokenise
from chatrec.encoder.spent import EncodingCost
from chatrec.encoder.training.loop import Objective, state_of
from chatrec.encoder.training.pairs import Batch, Pairs
from chatrec.encoder.whitening import Whitening
from chatrec.runtime.progress import Progress, Silent, progress

SHARPNESS = 10.0
"""Initial inverse temperature, which is learned."""
TEXTS_OF_WHITENING = 2_000


class Contrastive(Objective):
    """Contrastive objective on pairs of items with a common user."""

    def __init__(
        self,
        reader: Checkpoint,
        texts: Sequence[str],
        pairs: Pairs,
        held_out: Batch,
        batch: int,
        whitening: Whitening,
        seed: int,
    ) -> None:
        """Create the objective.

        Args:
            reader: The part of the model that encodes.
            texts: Texts of all items.
            pairs: Training pairs.
            held_out: Pairs whose right item is in no training pair.
            batch: Number of pairs of a batch.
            whitening: Whitening applied to raw vectors, as fitted by `whitening_of` before the first step.
            seed: Seed of the batches.
        """
        super().__init__()
        self.model = reader.model
        self.reader, self.texts, self.whitening = reader, texts, whitening
        self.pairs, self.held_out_pairs, self.batch, self.seed = pairs, held_out, batch, seed
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(SHARPNESS), device=reader.device))
        self.log_chances = torch.from_numpy(pairs.log_chances).to(reader.device)
        parts = (whitening.mean, whitening.deviation, whitening.projection)
        self.mean, self.deviation, self.projection = (
            torch.as_tensor(part, dtype=torch.float32, device=reader.device) for part in parts
        )

    def forward(self, number: int) -> Tensor:
        """Loss of batch `number`."""
        batch = self.pairs.draw(self.batch, np.random.default_rng(state_of(self.seed, number)))
        items, rows = np.unique(np.concatenate([batch.left, batch.right]), return_inverse=True)
        raw = self._read(items)
        with torch.autocast(raw.device.type, enabled=False):  # bfloat16 is too coarse for cosines
            vectors = normalize((raw - self.mean) / self.deviation @ self.projection)
            left, right = vectors[rows[: len(batch.left)]], vectors[rows[len(batch.left) :]]
            return pair_loss(left, right, self.log_sharpness.exp(), batch, self.log_chances)

    @torch.no_grad()
    def held_out(self) -> float | None:
        """Cross-entropy of identifying a held-out item among all held-out ones, given an item of the same user."""
        pairs = self.held_out_pairs
        if not len(pairs.right):
            return None
        items, right = np.unique(pairs.right, return_inverse=True)
        queries, left = np.unique(pairs.left, return_inverse=True)
        given, answers = (self.whitening(_encode(self.reader, self.texts, rows, Silent())) for rows in (queries, items))
        logits = torch.from_numpy(given[left] @ answers.T) * self.log_sharpness.exp().cpu()
        return float(cross_entropy(logits, torch.from_numpy(right)))

    def _read(self, items: Array) -> Tensor:
        """Raw vectors with a gradient."""
        tokens = tokenise(self.reader, [self.texts[item] for item in items])
        return forward(self.reader, *padded(tokens, self.reader.tokenizer.pad_token_id))


def whitening_of(
    reader: Checkpoint, texts: Sequence[str], items: Array, dimensions: int, shrinkage: float, seed: int
) -> Whitening:
    """Fit the whitening of a model before training, on a sample of items.

    Args:
        reader: The part of the model that encodes.
        texts: Texts of all items.
        items: Rows of the items to sample from.
        dimensions: Length of a whitened vector.
        shrinkage: Shrinkage of the whitening.
        seed: Seed of the sample.
    """
    random = np.random.default_rng(seed)
    sample = np.sort(random.choice(items, min(TEXTS_OF_WHITENING, len(items)), replace=False))
    reader.model.eval()
    with progress("Encoding a sample", len(sample), "texts") as shown:
        return Whitening.fit([_encode(reader, texts, sample, shown)], reader.width, dimensions, shrinkage)


def _encode(reader: Checkpoint, texts: Sequence[str], items: Array, shown: Progress) -> Array:
    """Raw vectors without a gradient."""
    return encode_all(reader, [texts[item] for item in items], shown, EncodingCost())


def pair_loss(left: Tensor, right: Tensor, sharpness: Tensor, batch: Batch, log_chances: Tensor) -> Tensor:
    """Sampled softmax over the items of a batch with logQ correction, averaged over both directions.

    False negatives are masked: the positive item itself, the given item, and items of the same user.

    Args:
        left: pairs × dimensions, unit length.
        right: Vectors of the other items, as `left`.
        sharpness: Inverse temperature.
        batch: The pairs.
        log_chances: Logarithm of the sampling probability of each item of the catalogue.
    """
    scores = sharpness * left @ right.T
    mine = np.eye(len(batch.users), dtype=bool)
    same_user = batch.users[:, None] == batch.users[None, :]
    losses = []
    for logits, given, answer in ((scores, batch.left, batch.right), (scores.T, batch.right, batch.left)):
        no_alternative = same_user | (answer[:, None] == answer[None, :]) | (given[:, None] == answer[None, :])
        corrected = logits - log_chances[torch.from_numpy(answer).to(log_chances.device)]
        hidden = torch.from_numpy(no_alternative & ~mine).to(scores.device)
        rows = torch.arange(len(scores), device=scores.device)
        losses.append(cross_entropy(corrected.masked_fill(hidden, -torch.inf), rows))
    return (losses[0] + losses[1]) / 2
