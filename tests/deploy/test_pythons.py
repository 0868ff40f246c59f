"""The Pythons that chatrec is for: pinned versions for each, and no module that one of them lacks."""

import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import mypy
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
CONSTRAINTS = sorted((ROOT / "constraints").glob("*.txt"))
PINNED = r"[A-Za-z0-9._-]+==\S+( ; .+)?"


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def versions_of(*files: Path) -> dict[str, str]:
    """The pinned version of each package."""
    lines = [line for file in files for line in file.read_text().splitlines() if not line.startswith("#")]
    parts = [line.partition("==") for line in lines]
    return {canonicalize_name(name): version.split(" ")[0] for name, _, version in parts}


@pytest.mark.parametrize("lock", [*CONSTRAINTS, *ROOT.glob("*.lock"), *ROOT.glob("benchmarks/*.lock")], ids=str)
def test_every_line_is_pinned_and_names_no_place(lock: Path) -> None:
    for line in lock.read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(PINNED, line), line
        assert "://" not in line, line


@pytest.mark.parametrize("constraints", CONSTRAINTS, ids=lambda file: file.stem)
def test_constraints_have_all_that_the_project_asks_for(constraints: Path, pyproject: dict[str, Any]) -> None:
    pinned = versions_of(constraints, ROOT / "benchmarks" / "requirements.lock")
    project = pyproject["project"]
    groups = [*project["optional-dependencies"].values(), *pyproject["dependency-groups"].values()]
    asked = [*pyproject["build-system"]["requires"], *project["dependencies"], *chain(*groups)]
    for wanted in map(Requirement, asked):
        assert wanted.specifier.contains(pinned[canonicalize_name(wanted.name)]), wanted


def test_all_pythons_get_the_versions_that_were_tried() -> None:
    tried = versions_of(ROOT / "constraints" / "3.11.txt")
    for file in CONSTRAINTS:
        assert tried.items() <= versions_of(file).items(), file


def test_classifiers_readme_and_constraints_name_the_same_pythons(pyproject: dict[str, Any]) -> None:
    names = [file.stem for file in CONSTRAINTS]
    classifiers = pyproject["project"]["classifiers"]
    assert [f"3.{minor}" for minor in _minors(names)] == names
    assert [name for name in classifiers if "Python :: 3." in name] == [
        f"Programming Language :: Python :: {name}" for name in names
    ]
    lowest = SpecifierSet(pyproject["project"]["requires-python"])
    assert all(name in lowest for name in names)
    assert f"3.{_minors(names)[0] - 1}" not in lowest
    words = f"Python {', '.join(names[:-1])} or {names[-1]}"
    assert words in (ROOT / "README.md").read_text()
    assert words in (ROOT / "docs" / "howto" / "airflow.md").read_text()
    assert pyproject["tool"]["mypy"]["python_version"] == names[-1]


def test_make_takes_the_constraints_of_its_interpreter(tmp_path: Path) -> None:
    for version, code, words in (("3.12", 0, "-r constraints/3.12.txt"), ("3.10", 2, "is for Python 3.11, 3.12 and")):
        python = tmp_path / f"python{version}"
        python.write_text(f"#!/bin/sh\necho {version}\n")
        python.chmod(0o755)
        dry = ["--dry-run", "--assume-new=pyproject.toml"] if code == 0 else []
        command = ["make", *dry, f"PYTHON={python}", ".venv/ready"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert (done.returncode, words in done.stdout + done.stderr) == (code, True), done


def test_ruff_refuses_each_module_that_has_left(pyproject: dict[str, Any]) -> None:
    """typeshed says from which Python to which a module is there."""
    known = (Path(mypy.__file__).parent / "typeshed" / "stdlib" / "VERSIONS").read_text()
    first, *_, newest = _minors([file.stem for file in CONSTRAINTS])
    ended = re.findall(r"^([a-z][\w.]*): 3\.\d+-3\.(\d+)$", known, re.M)
    left = {name for name, last in ended if first <= int(last) < newest}
    assert {"asyncore", "distutils", "imp", "smtpd", "telnetlib"} <= left
    assert left <= pyproject["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"].keys()


def _minors(names: list[str]) -> list[int]:
    return [int(name.removeprefix("3.")) for name in names]
