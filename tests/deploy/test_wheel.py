"""The wheel: the library with its migrations, and nothing that it needs from a checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def python(unpacked: Path, code: str) -> str:
    """Runs code with the wheel's package and without the checkout's."""
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, cwd=unpacked, check=True, capture_output=True, text=True).stdout


def test_migrations_travel_with_it(unpacked: Path) -> None:
    code = (
        "from chatrec.db import migrate, sql_files\n"
        "print(sql_files.folder())\nprint(len(migrate.migrations()))\n"
        "print(len(sql_files.read('queries/day_digests.sql')) > 0)"
    )
    where, count, statement = python(unpacked, code).split()
    assert Path(where) == unpacked / "chatrec" / "sql"
    assert int(count) == len(list((ROOT / "sql" / "migrations").glob("*.sql")))
    assert statement == "True"


def test_the_library_works_without_airflow_and_the_template_of_the_report_travels_with_it(unpacked: Path) -> None:
    code = (
        "import sys\nsys.modules['airflow'] = None\n"
        "import pkgutil, importlib, chatrec\n"
        "for found in pkgutil.walk_packages(chatrec.__path__, 'chatrec.'):\n"
        "    if not found.name.endswith('__main__'): importlib.import_module(found.name)\n"
        "from jinja2 import Environment, PackageLoader\n"
        "from chatrec.report.html import TEMPLATE\n"
        "print(Environment(loader=PackageLoader('chatrec.report', '')).get_template(TEMPLATE).filename)"
    )
    assert Path(python(unpacked, code).strip()) == unpacked / "chatrec" / "report" / "report.html.j2"


def test_only_the_package_is_in_it(unpacked: Path) -> None:
    names = {entry.name for entry in unpacked.iterdir()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"chatrec"}
