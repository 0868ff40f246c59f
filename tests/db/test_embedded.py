"""The embedded PostgreSQL: it runs as long as somebody uses it, and leaves nothing where other users would stumble."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

START = (
    "import sys; from pathlib import Path; from chatrec.db import embedded; print(embedded.start(Path(sys.argv[1])))"
)


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
