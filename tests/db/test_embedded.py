"""The embedded PostgreSQL: it runs as long as somebody uses it, and leaves nothing where other users would stumble."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chatrec.db.private_socket import LONGEST, socket_folder
from chatrec.errors import SettingsError

START = (
    "import sys; from pathlib import Path; from chatrec.db import embedded; print(embedded.start(Path(sys.argv[1])))"
)


LOOK = """
import os, stat, sys
from pathlib import Path
import psycopg2
from sqlalchemy import make_url
from chatrec.db import embedded
url = embedded.start(Path(sys.argv[1]))
folder = Path(make_url(url).query["host"])
(socket,) = folder.glob(".s.PGSQL.*[0-9]")
print(folder, stat.filemode(folder.stat().st_mode), socket.name, stat.filemode(socket.stat().st_mode))
if os.geteuid() == 0:
    os.seteuid(65534)
    try:
        psycopg2.connect(url)
    except psycopg2.OperationalError as error:
        print("Permission denied" in str(error))
    os.seteuid(0)
"""
LONG = "a long folder's name, with a comma/" * 5


def test_its_lock_lies_beside_its_data(tmp_path: Path) -> None:
    """A lock in the shared temporary directory would belong to the first user of the machine."""
    data, temporary = tmp_path / "data" / "postgres", tmp_path / "temporary"
    temporary.mkdir(mode=0o777)
    environment = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", START, str(data)],
        env={**environment, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "postgresql" in done.stdout
    assert not (temporary / ".lockfile").exists()
    assert data.with_name("postgres.lock").exists()
    wait_for(lambda: not (data / "postmaster.pid").exists())


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the server outlives its last user"
        time.sleep(0.1)


@pytest.mark.slow
def test_only_its_own_user_may_open_its_socket_however_long_its_path(tmp_path: Path) -> None:
    """A role that may run programs needs no password."""
    tmp_path.chmod(0o755)
    environment = {**os.environ, "PGPORT": "7777", "TMPDIR": str(tmp_path.parent)}
    for data in (tmp_path / "short" / "postgres", tmp_path / LONG / "postgres"):
        code = [sys.executable, "-c", LOOK, str(data)]
        done = subprocess.run(code, env=environment, capture_output=True, text=True, check=True)
        assert "drwx------ .s.PGSQL.5432 srwx------" in done.stdout
        assert os.geteuid() or done.stdout.endswith("\nTrue\n")


def test_a_folder_that_is_not_private_is_refused_for_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path.parent))
    data = Path("/") / LONG
    folder = socket_folder(data, None)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert socket_folder(data, None) == folder
    folder.chmod(0o777)
    with pytest.raises(SettingsError, match="is not a private folder of its user"):
        socket_folder(data, None)
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(SettingsError, match="is not a private folder of its user"):
        socket_folder(data, None)
    folder.unlink()
    monkeypatch.setattr("tempfile.tempdir", "/" + "x" * LONGEST)
    with pytest.raises(SettingsError, match="too long for a socket"):
        socket_folder(data, None)
