"""Folder of the embedded server's socket, which no other user may enter."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from pwd import getpwnam

from chatrec.errors import SettingsError

PORT = 5432
"""Part of the name of the socket; the server listens on no address."""
LONGEST = 103
"""Bytes of a socket's path that all systems accept."""


def socket_folder(data: Path, user: str | None) -> Path:
    """Folder of the socket: that of the data, or a private one in the temporary folder if its path does not suit.

    Args:
        data: Data folder, which belongs to the user of the server and is closed to others.
        user: User of the server if it is not the one of this process.

    Raises:
        SettingsError: If there is no folder that is the server's own.
    """
    if _suits(data):
        return data
    owner = getpwnam(user).pw_uid if user else os.getuid()
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir(), f"chatrec-{owner}-{name}")
    if not _suits(folder):
        raise SettingsError(f"database.folder {data} and TMPDIR are too long for a socket: choose a shorter one.")
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, owner, -1)
    except FileExistsError:
        made = folder.lstat()
        if not stat.S_ISDIR(made.st_mode) or made.st_uid != owner or made.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SettingsError(
                f"{folder}, where the embedded PostgreSQL puts its socket because database.folder is long, is not a "
                "private folder of its user: remove it, or choose a shorter database.folder."
            ) from None
    return folder


def _suits(folder: Path) -> bool:
    """Whether a socket in the folder has a path that the system and libpq accept; a comma separates hosts."""
    return len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= LONGEST and not set('",') & set(str(folder))
