"""GGUF files, read once: unpacking one takes longer than loading the weights that are in it."""

import logging
from pathlib import Path

from chatrec.encoder import versions
from chatrec.run import fingerprint, replacing

LOG = logging.getLogger("chatrec")
SUFFIX = ".gguf"
CONVERTED_AT_MOST = 1 << 30
"""Bytes; the folder takes up to eight times as much, so a larger file is read as it is."""


def folder_of(root: Path, file: Path) -> Path:
    """The folder for the weights of a file."""
    state = file.stat()
    return root / versions.FOLDER / f"{file.stem}-{fingerprint(state.st_size, state.st_mtime_ns)[:8]}"


def converted(root: Path, source: str | Path) -> str | Path:
    """The folder with the weights of a GGUF file, if there is one; else the source as it is."""
    path = Path(source)
    if path.suffix == SUFFIX and path.is_file() and (folder := folder_of(root, path)).is_dir():
        return folder
    return source


def is_slow(source: str | Path) -> bool:
    """Whether a source is a GGUF file of which a folder should be made."""
    path = Path(source)
    return path.suffix == SUFFIX and path.is_file() and path.stat().st_size <= CONVERTED_AT_MOST


def convert(root: Path, file: Path) -> Path:
    """Writes the weights of a file, in float32, and its tokenizer as an ordinary folder of a Hugging Face model."""
    from chatrec.encoder.training.start import Learner

    target = folder_of(root, file)
    LOG.info("Unpacking %s, once.", file.name)
    with replacing(target) as partial:
        Learner.open(file, "cpu").save(partial)
    return target
