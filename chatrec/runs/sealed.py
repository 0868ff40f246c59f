"""Artifacts that carry a digest, so that damage is found when they are read.

| artifact | digest |
| --- | --- |
| JSON file | its field CHECKSUM |
| other file | in its name: `2026-11-24.parquet` is stored as `2026-11-24.<digest>.parquet` |
| folder | of each of its files, in DIGESTS; those of a step in its manifest |

A damaged artifact that can be made again is set aside and counts as missing. Of all others the error names the file.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chatrec.errors import ArtifactError
from chatrec.runs.digests import digest_of_file, digests_of, fingerprint
from chatrec.runs.files import discard, flush, make_folder, partial_of, set_aside, settle, write_atomically

CHECKSUM = "checksum"
DIGESTS = "digests.json"
IN_NAME = 16
"""Hexadecimal digits of the digest in a name."""
STORED = re.compile(rf".+\.[0-9a-f]{{{IN_NAME}}}\.\w+")


def write_json(file: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON object with its checksum."""
    plain = json.loads(json.dumps(values, default=str))
    write_atomically(file, json.dumps({CHECKSUM: fingerprint(plain), **plain}, indent=1, ensure_ascii=False))


def read_json(file: Path, remedy: str = "Remove it, or restore it from a backup.") -> dict[str, Any]:
    """Read a JSON object.

    Args:
        file: File of `write_json`.
        remedy: Advice about a damaged one.

    Raises:
        ArtifactError: If it is not as it was written.
    """
    try:
        values = json.loads(file.read_bytes())
        why = "" if values.pop(CHECKSUM, None) == fingerprint(values) else "its checksum does not match"
    except (ValueError, AttributeError, TypeError, RecursionError):
        why = "it is not a JSON object" if file.stat().st_size else "it is empty"
    except IsADirectoryError:
        why = "it is a folder"
    if why:
        raise ArtifactError(f"{file} is damaged ({why}). {remedy}", file, why)
    return values  # type: ignore[no-any-return]


def recover_json(file: Path) -> dict[str, Any] | None:
    """Read a JSON object that can be made again; None if it is missing or damaged."""
    if not file.exists():
        return None
    try:
        return read_json(file)
    except ArtifactError as error:
        set_aside(file, error.why)
        return None


@contextmanager
def sealing(target: Path) -> Iterator[Path]:
    """Yield a path to write a file to; it is stored with its digest in its name and replaces earlier ones."""
    make_folder(target.parent)
    partial = partial_of(target)
    discard(partial)
    try:
        yield partial
        seal(target.parent, {target: partial})
    finally:
        discard(partial)


def seal(folder: Path, written: Mapping[Path, Path]) -> None:
    """Store files of a folder, many at once, which costs the disk less.

    Args:
        folder: The folder.
        written: Half-written files by the path that `sealed` finds them under.
    """
    settle(*written.values())
    before = stored_in(folder)
    for target, partial in written.items():
        file = target.with_name(f"{target.stem}.{digest_of_file(partial)[:IN_NAME]}{target.suffix}")
        partial.replace(file)
        for other in before.get(target, ()):
            if other != file:
                other.unlink()
    flush(folder)


def stored_in(folder: Path) -> dict[Path, list[Path]]:
    """Stored files of a folder, unchecked, by the path that `sealed` finds them under."""
    files: dict[Path, list[Path]] = {}
    for file in sorted(folder.glob("[!.]*")):
        if STORED.fullmatch(file.name):
            files.setdefault(unsealed(file), []).append(file)
    return files


def sealed(target: Path) -> Path | None:
    """Find the file that is stored under a path; None if it is missing or damaged."""
    return next((file for file in stored_in(target.parent).get(target, ()) if is_intact(file)), None)


def unsealed(file: Path) -> Path:
    """Path that `sealed` finds a stored file under."""
    return file.with_name(f"{Path(file.stem).stem}{file.suffix}")


def is_intact(file: Path) -> bool:
    """Check a stored file against the digest in its name; a damaged one is set aside."""
    try:
        why = "" if digest_of_file(file)[:IN_NAME] == Path(file.stem).suffix[1:] else "its digest does not match"
    except PermissionError:
        raise
    except OSError as error:
        why = str(error.strerror)
    if why:
        set_aside(file, why)
    return not why


def seal_folder(folder: Path, *others: str) -> None:
    """Write DIGESTS, the digests of all files of a folder but `others`, which change."""
    files = {name: digest for name, digest in digests_of(folder).items() if name not in others}
    write_json(folder / DIGESTS, {"files": files})


def damaged_file(folder: Path) -> str | None:
    """Name of a file of a folder that is not as DIGESTS has it; None if there is none, or the folder has no DIGESTS."""
    if not (folder / DIGESTS).exists():
        return None
    try:
        return differing_file(folder, read_json(folder / DIGESTS)["files"])
    except ArtifactError:
        return DIGESTS


def differing_file(folder: Path, files: Mapping[str, str]) -> str | None:
    """Name of a file of a folder that is missing or has another digest than in `files`, or None."""
    for name, digest in files.items():
        try:
            if digest_of_file(folder / name) != digest:
                return name
        except PermissionError:
            raise
        except OSError:
            return name
    return None
