"""Waiting for streaming standbys, on which readers have plans and snapshots of their own.

A standby replays the new partition and the pointer without a wait for its own readers, so a statement that was planned
between both would see an empty list. Their locks cannot be seen from here: the replay is waited for, then time passes.
"""

import time

from sqlalchemy import Engine, text

from chatrec.errors import SettingsError, TransientError

POSITION = text("SELECT CAST(pg_current_wal_lsn() AS text)")
STANDBYS = text("""
    SELECT concat_ws(' at ', application_name, host(client_addr)) AS name, state IS NULL AS hidden,
           coalesce(replay_lsn >= CAST(:position AS pg_lsn), false) AS passed, current_user AS role
    FROM pg_stat_replication WHERE state IS NULL OR state IN ('catchup', 'streaming')
""")
PAUSE = 0.1


def wait_for_standbys(engine: Engine, pause: float, seconds: float) -> None:
    """Waits until all standbys have replayed what was written until now, and their statements have ended.

    Args:
        engine: Engine of the primary.
        pause: Time for statements on a standby after the replay, in seconds; 0 waits for nothing.
        seconds: Maximum time to wait for the replay, in seconds.

    Raises:
        SettingsError: If the role may not see how far standbys are.
        TransientError: If a standby does not get there. The message names it.
    """
    if not pause:
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        position, deadline = connection.scalar(POSITION), time.monotonic() + seconds
        known: dict[str, bool] = {}
        while True:
            for standby in connection.execute(STANDBYS, {"position": position}):
                if standby.hidden:
                    raise SettingsError(
                        "advanced.publish.standby_seconds waits for standbys, and the role may not see how far they "
                        f"are: `GRANT pg_monitor TO {standby.role};`, or set it to 0."
                    )
                known[standby.name] = known.get(standby.name, False) or standby.passed
            if all(known.values()):
                break
            if time.monotonic() > deadline:
                behind = ", ".join(name for name, passed in known.items() if not passed)
                raise TransientError(
                    f"Waited {seconds:.0f} s (advanced.publish.drain_seconds) for standbys to replay the new "
                    f"partitions: {behind}. The previous lists stay; run it again when they have caught up."
                )
            time.sleep(PAUSE)
    if known:
        time.sleep(pause)
