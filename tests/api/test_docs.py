"""Every example runs: those of the docstrings, of the quickstart and of the reference."""

import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import chatrec

ROOT = Path(__file__).parents[2]
QUICKSTART, REFERENCE = (ROOT / "docs" / f"{name}.md" for name in ("quickstart", "python"))
NEEDS_DATABASE = ("Client", "RunResult", "run")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
CLASSES_OF_ERRORS = [name for name in chatrec.__all__ if inspect.isclass(value := getattr(chatrec, name))
                     and issubclass(value, Exception)]  # fmt: skip
PUBLIC = {
    **{name: getattr(chatrec, name) for name in chatrec.__all__ if name not in {*CLASSES_OF_ERRORS, "models"}},
    **{f"models.{name}": getattr(chatrec.models, name) for name in chatrec.models.__all__},
}


@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_of_a_docstring_holds(name: str, request: pytest.FixtureRequest) -> None:
    if name in NEEDS_DATABASE:
        request.getfixturevalue("finished")
    examples = [each for each in doctest.DocTestFinder(recurse=True).find(PUBLIC[name], name) if each.examples]
    assert any(each.name == name for each in examples)
    for example in examples:
        assert doctest.DocTestRunner(optionflags=OPTIONS).run(example).failed == 0


@pytest.mark.parametrize("name", [*PUBLIC, *CLASSES_OF_ERRORS])
def test_every_public_name_is_described(name: str) -> None:
    value = PUBLIC.get(name) or getattr(chatrec, name)
    assert (value.__doc__ or "").strip()
    if name in CLASSES_OF_ERRORS:
        return
    for method, function in inspect.getmembers(value, inspect.isfunction):
        assert method.startswith("_") or function.__doc__, f"{name}.{method}"


def test_the_reference_has_every_name_once() -> None:
    names = re.findall(r"^#+ `chatrec\.([A-Za-z_.]+)`", REFERENCE.read_text(encoding="utf-8"), re.M)
    rows = re.findall(r"^\| `chatrec\.([A-Za-z_.]+)` \|", REFERENCE.read_text(encoding="utf-8"), re.M)
    expected = [name for name in chatrec.__all__] + [f"models.{name}" for name in chatrec.models.__all__]
    assert sorted(names + rows) == sorted(expected)


@pytest.mark.usefixtures("finished")
def test_the_examples_of_the_reference_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = doctest.testfile(str(REFERENCE), module_relative=False, optionflags=OPTIONS)
    assert found.attempted > 10
    assert found.failed == 0


def test_the_quickstart_prints_what_it_says(tmp_path: Path) -> None:
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", QUICKSTART.read_text(encoding="utf-8"), re.S))
    (tmp_path / "events.csv").write_text(blocks["csv"], encoding="utf-8")
    code = blocks["python"]
    assert len(code.strip().splitlines()) <= 10
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == blocks["text"]


@pytest.mark.slow
def test_types_are_seen_without_importing(tmp_path: Path) -> None:
    """What an editor and mypy know of the lazy names."""
    file = tmp_path / "typed.py"
    file.write_text("import chatrec\nreveal_type(chatrec.models.EASE(l2=1).fit)\nreveal_type(chatrec.load)\n")
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 'def (dataset: chatrec.data.dataset.Dataset) -> chatrec.api.models.EASE"' in done.stdout
    assert "Any" not in done.stdout.splitlines()[0]
