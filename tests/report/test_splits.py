"""A split of another tool as a snapshot: its search words."""

import gzip
from pathlib import Path

from chatrec.config.source import AdvancedText
from chatrec.extract.snapshot import Snapshot
from chatrec.report.splits import write_snapshot

DAY = 86_400


def write(file: Path, *lines: str) -> None:
    with gzip.open(file, "wt", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")


def snapshot(folder: Path, *queries: str) -> Snapshot:
    write(folder / "train.csv.gz", "user_id,item_id,rating,ts", f"a,1,,{9 * DAY}", f"b,2,,{40 * DAY}")
    write(folder / "candidates.csv.gz", "item_id", "1", "2")
    write(folder / "items.csv.gz", "item_id,title", "1,Tent", "2,运动鞋")
    if queries:
        write(folder / "queries.csv.gz", "user_id,query,ts", *queries)
    made = folder / "snapshot"
    made.mkdir()
    write_snapshot(folder, folder / "items.csv.gz", None, "|", AdvancedText(queries=2), made)
    return Snapshot(made)


def test_a_split_may_have_queries(tmp_path: Path) -> None:
    found = snapshot(
        tmp_path,
        f"b,running shoes,{11 * DAY}",
        f"b,运动鞋,{12.5 * DAY}",
        f"b,too many,{10.5 * DAY}",
        f"a,too old,{9 * DAY}",
        f"a,Tent,{39 * DAY}",
        "a,no time,",
        f"c,unknown,{39 * DAY}",
        f"a,,{39 * DAY}",
    )
    assert [found.queries.of(user) for user in range(2)] == [["tent"], ["运动鞋", "running shoes"]]
    assert found.queries.times.tolist() == [int(days * DAY * 1e6) for days in (39, 12.5, 11)]
    bad = ["occurred_at is null or infinite", "query is null", "unknown user"]
    assert sorted(found.quarantined()["reason"]) == bad


def test_a_split_without_queries(tmp_path: Path) -> None:
    found = snapshot(tmp_path)
    assert (found.queries.users, found.queries.texts) == (2, [])
    assert found.quarantined().is_empty()
