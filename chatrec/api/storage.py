"""Saved models: a folder with the parameters, the dataset and the fitted model."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import chatrec
from chatrec import models
from chatrec.api.ensemble import Ensemble
from chatrec.api.estimator import Estimator
from chatrec.api.text_encoder import TextEncoder
from chatrec.errors import DataError
from chatrec.extract.dataset_files import read_dataset, write_dataset
from chatrec.models import ease
from chatrec.runs.files import replacing, write_atomically
from chatrec.runs.sealed import damaged_file, seal_folder

FACTS, DATA = "chatrec.json", "extract"
CLASSES: Mapping[str, type[Any]] = {
    **{name: getattr(models, name) for name in models.__all__},
    "Ensemble": Ensemble,
    "TextEncoder": TextEncoder,
    "Config": ease.Config,
}
"""Classes of models, and of parameters that are not plain values."""


def save(model: Estimator, folder: Path) -> None:
    """Writes a fitted model; see `Estimator.save`."""
    if folder.exists() and not (folder / FACTS).is_file():
        if not folder.is_dir() or any(folder.iterdir()):
            raise DataError(f"{folder} exists and is not a saved model: name a folder that does not exist yet.")
        folder.rmdir()
    assert model.dataset_ is not None
    facts = {"chatrec": chatrec.__version__, "frames": model.dataset_.kind, **_described(model)}
    with replacing(folder, private=False) as partial:
        (partial / DATA).mkdir(parents=True)
        write_dataset(model.dataset_, partial / DATA)
        model.write(partial)
        write_atomically(partial / FACTS, json.dumps(facts, indent=1))
        seal_folder(partial)
        if folder.exists():
            shutil.rmtree(folder)


def load(path: str | Path) -> Any:
    """Loads a model written by `save`.

    Arrays are mapped from the files: they must stay in place while the model is in use.

    Args:
        path: Folder of the model.

    Returns:
        The fitted model, of the class that was saved.

    Raises:
        DataError: The folder does not exist, or is not a saved model.

    Examples:
        >>> import chatrec, tempfile
        >>> shop = chatrec.Dataset.from_frames({"user_id": [1, 1, 2], "item_id": ["tea", "cup", "tea"]})
        >>> folder = tempfile.mkdtemp()
        >>> chatrec.models.EASE(l2=1).fit(shop).save(folder)
        >>> chatrec.load(folder).recommend(2, k=1)["item_id"].item()
        'cup'
    """
    folder = Path(path)
    if not (folder / FACTS).is_file():
        state = "is not a saved model" if folder.exists() else "does not exist"
        raise DataError(f"{folder} {state}: name the folder that a model's `save` wrote.")
    if damaged := damaged_file(folder):
        raise DataError(f"{folder / damaged} is damaged: it is not as it was saved. Save the model again.")
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    model: Estimator = _made(facts)
    model.dataset_ = read_dataset(folder / DATA, facts["frames"])
    model.read(folder.resolve())
    return model


def _described(value: Any) -> dict[str, Any]:
    """Class and parameters as JSON has them."""
    parameters = value.parameters() if isinstance(value, Estimator) else asdict(value)
    made = {name: _described(value) if is_dataclass(value) else value for name, value in parameters.items()}
    return {"class": type(value).__name__, "parameters": made}


def _made(described: Mapping[str, Any]) -> Any:
    parameters = {}
    for name, value in described["parameters"].items():
        if isinstance(value, dict):
            value = _made(value)
        parameters[name] = tuple(value) if isinstance(value, list) else value
    return CLASSES[described["class"]](**parameters)
