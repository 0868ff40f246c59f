"""The wheel and the sdist: the library with its migrations, and no need of a checkout."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "docs" / "quickstart.md"
DATA = {
    "chatrec/py.typed",
    "chatrec/demo/chatrec.toml",
    "chatrec/report/report.html.j2",
    "chatrec/sql/roles.sql",
    "chatrec/sql/demo/shop.sql",
    "chatrec/sql/queries/day_digests.sql",
}
"""Files that are not modules."""


def build(kind: str, source: Path, folder: Path) -> Path:
    """Builds as `make dist` does, with the hatchling that is installed."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (made,) = folder.iterdir()
    return made


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked") / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has the wheel and nothing else; its dependencies are read from the environment of the tests.

    Tests need no index, so what is proven is the wheel, not that its dependencies can be installed. A path file adds
    the folder without the editable chatrec in it, whose own path file is not read.
    """
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


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
        "print(PackageLoader('chatrec.report', '').get_source(Environment(), TEMPLATE)[1])"
    )
    assert Path(python(unpacked, code).strip()) == unpacked / "chatrec" / "report" / "report.html.j2"


def test_only_the_package_is_in_it_with_all_of_its_data(wheel: Path, unpacked: Path) -> None:
    names = {entry.name for entry in unpacked.iterdir()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"chatrec"}
    assert names_in(wheel) >= DATA


@pytest.mark.slow
def test_the_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    sdist = build("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert {"dags", "plugins", "sql", "README.md", "LICENSE", "CHANGELOG.md"} <= {
        file.name for file in source.iterdir()
    }
    assert names_in(build("wheel", source, tmp_path / "again")) == names_in(wheel)


@pytest.mark.slow
def test_an_empty_environment_runs_the_quickstart(installed: Path, tmp_path: Path) -> None:
    page = QUICKSTART.read_text(encoding="utf-8")
    rows, code, output = (re.findall(rf"```{kind}\n(.*?)```", page, re.S)[0] for kind in ("csv", "python", "text"))
    (tmp_path / "events.csv").write_text(rows, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(installed / "bin" / "python"), "-c", code]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, output), done.stderr


@pytest.mark.slow
def test_an_empty_environment_runs_the_wheel_from_any_folder(installed: Path, tmp_path: Path) -> None:
    """From nothing to published lists: the command, the embedded database, migrations, all steps."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {
        "CHATREC_ENCODER__MODEL": "local",
        "CHATREC_ADVANCED__ENCODER__LOCAL__TRAIN_TOKENS": "4096",
        "CHATREC_AIGC__MINUTES": "0",
        "CHATREC_CHECKS__BEATS_POPULARITY": "false",
    }

    def call(*words: str) -> str:
        done = subprocess.run(
            [str(installed / "bin" / words[0]), *words[1:]],
            env=environment, cwd=elsewhere, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = call("python", "-c", "import chatrec; print(chatrec.__file__)").strip()
    assert Path(where).is_relative_to(installed)
    call("chatrec", "init")
    mapping = elsewhere / "chatrec.toml"
    text = mapping.read_text(encoding="utf-8")
    start, end = text.index('users = "'), text.index("# Optional search log")
    mapping.write_text(text[:start] + MAPPING + text[end:], encoding="utf-8")
    call("chatrec", "db", "migrate")
    call("chatrec", "run")
    assert "item" in call("chatrec", "recommend", "7")


MAPPING = """\
users = "SELECT id AS user_id FROM generate_series(1, 60) id"
items = "SELECT id AS item_id, 'item ' || id AS title FROM generate_series(1, 40) id"
interactions = '''
SELECT u AS user_id, 1 + (u * n * 7 + n * n) % 40 AS item_id,
       timestamptz '2026-01-01' + n * interval '1 day' AS occurred_at
FROM generate_series(1, 60) u, generate_series(1, 12) n
'''
"""
"""Tables that need no table."""
