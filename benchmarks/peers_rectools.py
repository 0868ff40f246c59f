"""SASRec and eSASRec of RecTools, in a separate environment (`make .venv-rectools/ready`).

    .venv-rectools/bin/python benchmarks/peers_rectools.py --model sasrec --split SPLIT --epochs 10 --out lists.csv.gz

Parameters are those that the authors of eSASRec published for MovieLens-1M and, for short histories, for Amazon data
sets (https://github.com/blondered/transformer_benchmark); they train for 100 to 200 epochs. eSASRec is SASRec with LiGR
layers and a sampled softmax.
"""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel
from rectools.models.nn.transformers.ligr import LiGRLayers

SEED = 0
K = 20
SHORT_HISTORIES = 20
LONG: dict[str, Any] = {"n_blocks": 2, "dropout_rate": 0.1, "session_max_len": 200}
SHORT: dict[str, Any] = {"n_blocks": 1, "dropout_rate": 0.2, "session_max_len": 50}
MODELS: dict[str, dict[str, Any]] = {
    "sasrec": {"loss": "softmax"},
    "esasrec": {
        "transformer_layers_type": LiGRLayers,
        "use_key_padding_mask": True,
        "loss": "sampled_softmax",
        "n_negatives": 256,
    },
}


def main() -> None:
    """Writes lists with user_id, rank and item_id."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=list(MODELS), required=True)
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    pytorch_lightning.seed_everything(SEED)
    events = _events(chosen.split / "train.csv.gz")
    candidates = pd.read_csv(chosen.split / "candidates.csv.gz", dtype=str)["item_id"]
    short = len(events) < SHORT_HISTORIES * events[Columns.User].nunique()
    model = SASRecModel(
        n_factors=64,
        n_heads=1,
        lr=0.001,
        epochs=chosen.epochs,
        deterministic=True,
        **(SHORT if short else LONG),
        **MODELS[chosen.model],
    )
    dataset = Dataset.construct(events)
    model.fit(dataset)
    warm = candidates[candidates.isin(events[Columns.Item])]
    users = events[Columns.User].unique()
    lists = model.recommend(
        users, dataset, k=K, filter_viewed=True, items_to_recommend=warm, on_unsupported_targets="warn"
    )
    assert (Columns.User, Columns.Rank, Columns.Item) == ("user_id", "rank", "item_id")
    lists[["user_id", "rank", "item_id"]].to_csv(chosen.out, index=False)


def _events(file: Path) -> pd.DataFrame:
    """Reads events in the order of time, ties in the order of the file; positions in that order replace times."""
    events = pd.read_csv(file, dtype={"user_id": str, "item_id": str})
    events = events.sort_values(["user_id", "ts"], kind="stable")
    positions = pd.to_datetime(events.groupby("user_id").cumcount(), unit="s")
    columns = {Columns.User: events["user_id"], Columns.Item: events["item_id"], Columns.Datetime: positions}
    return pd.DataFrame({**columns, Columns.Weight: 1.0})


if __name__ == "__main__":
    main()
