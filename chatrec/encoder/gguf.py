"""Unpack GGUF files once: unpacking takes longer than loading the unpacked weights."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from chatrec.encoder import registry
from chatrec.runs.digests import fingerprint
from chatrec.runs.files import replacing
from chatrec.runs.sealed import seal_folder

LOG = logging.getLogger("chatrec")
SUFFIX = ".gguf"
UNPACKED_AT_MOST = 1 << 30
"""Bytes. The folder takes up to eight times as much, so a larger file is not unpacked."""


def folder_of(root: Path, file: Path) -> Path:
    """Folder for the unpacked weights of a file."""
    state = file.stat()
    return root / registry.FOLDER / f"{file.stem}-{fingerprint(state.st_size, state.st_mtime_ns)[:8]}"


def unpacked(root: Path, source: str | Path) -> str | Path:
    """Folder with the unpacked weights of a GGUF file if it exists, else the source."""
    path = Path(source)
    if path.suffix == SUFFIX and path.is_file() and (folder := folder_of(root, path)).is_dir():
        return folder
    return source


def unpack(root: Path, source: str | Path) -> None:
    """Write the float32 weights and the tokenizer of a GGUF file as an ordinary Hugging Face folder.

    Other sources and files above UNPACKED_AT_MOST are left alone.

    Args:
        root: Artifact root.
        source: Source of an encoder.
    """
    path = Path(source)
    if path.suffix != SUFFIX or not path.is_file() or path.stat().st_size > UNPACKED_AT_MOST:
        return
    from chatrec.encoder.training.trainable import Learner

    LOG.info("Unpacking %s, once.", path.name)
    with replacing(folder_of(root, path)) as partial, _parsed_once():
        Learner.open(path, "cpu").save(partial)
        seal_folder(partial)


@contextmanager
def _parsed_once() -> Iterator[None]:
    """Lets transformers parse a file once.

    It parses the file for the tokenizer, for the config and for the weights, and makes the table of the names of the
    tensors again for each of the model's modules: 14 of 24 seconds of a slow core for SmolLM2.
    """
    import gguf

    originals = {name: getattr(gguf, name) for name in ("GGUFReader", "get_tensor_name_map")}
    for name, original in originals.items():
        setattr(gguf, name, cache(original))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(gguf, name, original)
