"""Saves and loads models: a JSON index of their fields, and one .npy file per array, memory-mapped by all workers."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse

from chatrec.data.arrays import Array
from chatrec.models.base import Model
from chatrec.models.private_ease import PrivateEase
from chatrec.models.registry import MODELS
from chatrec.runs.files import write_atomically

INDEX = "models.json"
KINDS: Mapping[str, type[Any]] = {
    "PrivateEase": PrivateEase,
    **{entry.kind.__name__: entry.kind for entry in MODELS},
}


def save_models(models: Mapping[str, Model], folder: Path) -> None:
    """Saves models to a folder; an array shared by several models is written once."""
    files: dict[int, str] = {}

    def put(array: Array) -> str:
        if id(array) not in files:
            files[id(array)] = f"{len(files)}.npy"
            np.save(folder / files[id(array)], array)
        return files[id(array)]

    def describe(value: Any) -> dict[str, Any]:
        if issparse(value):
            return {"sparse": [put(value.data), put(value.indices), put(value.indptr)], "shape": list(value.shape)}
        return {"array": put(value)} if isinstance(value, np.ndarray) else {"value": value}

    index = {
        name: {
            "kind": type(model).__name__,
            "fields": {field.name: describe(getattr(model, field.name)) for field in fields(model)},  # type: ignore[arg-type]
        }
        for name, model in models.items()
    }
    write_atomically(folder / INDEX, json.dumps(index, indent=1))


def load_models(folder: Path) -> dict[str, Model]:
    """Loads the models of a folder in the order in which they were saved; arrays are memory-mapped."""

    def array(name: str) -> Array:
        values: Array = np.load(folder / name, mmap_mode="r")
        return values

    def restore(value: dict[str, Any]) -> Any:
        if "sparse" in value:
            return csr_matrix(tuple(array(name) for name in value["sparse"]), shape=tuple(value["shape"]), copy=False)
        if "array" in value:
            return array(value["array"])
        return tuple(value["value"]) if isinstance(value["value"], list) else value["value"]

    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    return {
        name: KINDS[model["kind"]](**{field: restore(value) for field, value in model["fields"].items()})
        for name, model in index.items()
    }
