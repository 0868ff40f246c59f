"""Contrastive learning: the loss is the formula, and what is taken together comes near each other."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from chatrec.config.encoder import EncoderConfig
from chatrec.encoder import checkpoint
from chatrec.encoder.encode import encode_all, forward, padded, tokenise
from chatrec.encoder.spent import EncodingCost
from chatrec.encoder.training.contrastive import pair_loss
from chatrec.encoder.training.finetune import finetune
from chatrec.encoder.training.pairs import Batch
from chatrec.encoder.training.trainable import Learner
from chatrec.encoder.whitening import Whitening
from chatrec.errors import RunError
from chatrec.runtime.progress import Silent
from tests.support.histories import histories
from tests.support.models import TEXTS
from tests.support.trainings import ITEMS, material, settings, start, texts


def test_the_loss_is_the_formula() -> None:
    """Written out, pair by pair: -log(e^(s_ij - log Q_j) / Σ over the fair alternatives), both directions."""
    users = np.array([0, 1, 1, 2, 3])
    left, right = np.array([0, 1, 2, 5, 6]), np.array([3, 4, 4, 0, 3])
    random = torch.Generator().manual_seed(0)
    v, w = (torch.nn.functional.normalize(torch.randn(5, 4, generator=random)) for _ in range(2))
    chances = np.array([0.3, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1])
    total = 0.0
    for given, answer, one, two in ((left, right, v, w), (right, left, w, v)):
        for i in range(5):
            fair = [
                j
                for j in range(5)
                if j == i or (users[i] != users[j] and answer[j] not in (answer[i], given[i]))
            ]  # fmt: skip
            scores = {j: 7.0 * float(one[i] @ two[j]) - math.log(chances[answer[j]]) for j in fair}
            total -= scores[i] - math.log(sum(math.exp(score) for score in scores.values()))
    found = pair_loss(v, w, torch.tensor(7.0), Batch(users, left, right), torch.log(torch.tensor(chances)).float())
    assert found.item() == pytest.approx(total / 10, abs=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "weighted", "last", "prompt"])
@pytest.mark.parametrize("layer", [0, 1, 2, 3])
@pytest.mark.parametrize("pretrained", [True, False])
def test_training_reads_as_encoding_does(llama_folder: Path, layer: int, pooling: str, pretrained: bool) -> None:
    settings = EncoderConfig(
        device="cpu", precision="float32", layer=layer, pooling=pooling, max_tokens=24, prompt=" It is"
    )
    learner = Learner.open(llama_folder, "cpu")
    whole = learner.model.eval()(torch.arange(8)[None]).logits
    with learner.reading(settings, pretrained) as reader:
        tokens = tokenise(reader, TEXTS)
        found = forward(reader, *padded(tokens, reader.tokenizer.pad_token_id)).detach().numpy()
    encoder = checkpoint.load(llama_folder, settings, pretrained)
    assert np.abs(found - encode_all(encoder, TEXTS, Silent(), EncodingCost())).max() < 1e-5
    assert torch.equal(learner.model(torch.arange(8)[None]).logits, whole)  # all layers are back


def kinship(folder: Path) -> float:
    """How much more alike items of one kind are than others: the difference of mean cosines."""
    encoder = checkpoint.load(folder, EncoderConfig(device="cpu"), pretrained=False)
    raw = encode_all(encoder, texts(), Silent(), EncodingCost())
    vectors = Whitening.fit([raw], encoder.width, 16, 0.1)(raw)
    cosines, kinds = vectors @ vectors.T, np.arange(ITEMS) % 3
    same = kinds[:, None] == kinds[None, :]
    return float(cosines[same & ~np.eye(ITEMS, dtype=bool)].mean() - cosines[~same].mean())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_precision_learns_and_looks(precision: str, gpt2_folder: Path, tmp_path: Path) -> None:
    chosen = settings(tmp_path, advanced__finetune__precision=precision)
    facts = finetune(start(gpt2_folder), material(), chosen, tmp_path / "tuned")["pairs"]
    assert facts.holdout_loss < facts.holdout_loss_at_start


@pytest.mark.parametrize("method", ["full", "bias", "lora"])
def test_what_is_taken_together_comes_near(method: str, gpt2_folder: Path, tmp_path: Path) -> None:
    """Words of a kind share nothing but who takes them; held-out items learn it too, from their words."""
    rate = {"full": 0.003, "bias": 0.03, "lora": 0.01}[method]
    chosen = settings(
        tmp_path,
        finetune__method=method,
        finetune__steps=80,
        advanced__finetune__eval_every=20,
        advanced__finetune__learning_rate=rate,
    )
    facts = finetune(start(gpt2_folder), material(), chosen, tmp_path / "tuned")["pairs"]
    assert facts.holdout_loss < facts.holdout_loss_at_start - 0.2
    if method != "bias":  # which turn the vectors of a model that knows nothing little
        assert kinship(tmp_path / "tuned") > 3 * kinship(gpt2_folder)


def test_nobody_took_two_items(gpt2_folder: Path, tmp_path: Path) -> None:
    empty = material()
    lonely = type(empty)(empty.items, empty.learnable, histories([[1], [2, 2], []]), [])
    with pytest.raises(RunError, match="No user interacted with two items"):
        finetune(start(gpt2_folder), lonely, settings(tmp_path), tmp_path / "tuned")


def test_the_same_seed_gives_the_same_weights(gpt2_folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        finetune(start(gpt2_folder), material(), settings(tmp_path, advanced__finetune__tokens=10_000), tmp_path / name)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two")]
    assert files[0] == files[1]
    assert (tmp_path / "one" / "curve-next-token.png").read_bytes()[1:4] == b"PNG"
    assert (tmp_path / "one" / "curve-pairs.json").exists()
