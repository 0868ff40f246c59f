"""Contrastive learning on what the same people take: texts of items that were taken together come near each other.

The similarity that is learned is the one that is used: raw vectors through a whitening, of unit length. The whitening
is fitted once, before the first step. Of a pair, the other item is to be told from those of all other pairs of the
batch, in both directions (van den Oord et al. 2018, arXiv:1807.03748; Radford et al. 2021, arXiv:2103.00020). Items
come into a batch as often as they are taken, so log Q, the logarithm of that chance, is subtracted from the score (Yi
et al. 2019, Sampling-bias-corrected neural modeling for large corpus item recommendations, eq. 5).
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
"""By which cosines are multiplied at first; it is learned."""
TEXTS_OF_WHITENING = 2_000


class Contrastive(Objective):
    """A model puts near each other what the same people take."""

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
        """Puts the parts together.

        Args:
            reader: the part of the model that encodes.
            texts: of all items.
            pairs: to learn from.
            held_out: pairs whose right item is in no pair that is learned from.
            batch: pairs of a batch.
            whitening: through which raw vectors are compared, `whitening_of` the first step.
            seed: of the batches.
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
        """See Objective."""
        batch = self.pairs.draw(self.batch, np.random.default_rng(state_of(self.seed, number)))
        items, places = np.unique(np.concatenate([batch.left, batch.right]), return_inverse=True)
        raw = self._read(items)
        with torch.autocast(raw.device.type, enabled=False):  # cosines of eight bits would be too coarse
            vectors = normalize((raw - self.mean) / self.deviation @ self.projection)
            left, right = vectors[places[: len(batch.left)]], vectors[places[len(batch.left) :]]
            return pair_loss(left, right, self.log_sharpness.exp(), batch, self.log_chances)

    @torch.no_grad()
    def held_out(self) -> float | None:
        """How well a held-out item is told from all other held-out ones by an item that the same person took."""
        pairs = self.held_out_pairs
        if not len(pairs.right):
            return None
        items, right = np.unique(pairs.right, return_inverse=True)
        known, left = np.unique(pairs.left, return_inverse=True)
        given, answers = (self.whitening(_encode(self.reader, self.texts, rows, Silent())) for rows in (known, items))
        logits = torch.from_numpy(given[left] @ answers.T) * self.log_sharpness.exp().cpu()
        return float(cross_entropy(logits, torch.from_numpy(right)))

    def _read(self, items: Array) -> Tensor:
        """Raw vectors with a gradient."""
        tokens = tokenise(self.reader, [self.texts[item] for item in items])
        return forward(self.reader, *padded(tokens, self.reader.tokenizer.pad_token_id))


def whitening_of(
    reader: Checkpoint, texts: Sequence[str], items: Array, dimensions: int, shrinkage: float, seed: int
) -> Whitening:
    """The whitening of what a model says before it learns, fitted on a sample.

    Args:
        reader: the part of the model that encodes.
        texts: of all items.
        items: rows of those to choose from.
        dimensions: of a vector.
        shrinkage: of the whitening.
        seed: of the sample.
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
    """Sampled softmax over the items of a batch, with logQ correction, the mean of both directions.

    An item that is no wrong answer is no alternative: the right one drawn again, the given one, and what the same user
    took.

    Args:
        left: pairs × dimensions, of unit length.
        right: the same of the other items.
        sharpness: by which cosines are multiplied.
        batch: which pairs these are.
        log_chances: of each item of the catalogue.
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
