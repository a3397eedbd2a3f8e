"""A storm of edits on both sides at once, while the daemon is killed again and again; then everybody can be asked.

When quiet, mirror and shop are equal record by record, except exactly what waits for a person, which holds both
values. Nothing was created twice, and every edit made here is at the shop, parked or refused with a reason.
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from syncd.domain.resources import BY_NAME
from tests.process.scene import Scene, until
from tests.process.storm import Storm, Witness, stormy_scene
from tests.support.databases import TestDatabase
from tests.support.equality import differences

MakeDatabase = Callable[[str], TestDatabase]
SYNCS_MAX = 8
GAP_S = 1.0


@pytest.mark.parametrize(
    ("kind", "edits", "kills", "seed"),
    [
        ("sqlite", 120, 6, 1),
        ("postgresql", 120, 6, 2),
        pytest.param("sqlite", 500, 20, 11, marks=pytest.mark.soak),
        pytest.param("postgresql", 500, 20, 12, marks=pytest.mark.soak),
    ],
)
def test_both_sides_are_equal_after_a_storm(
    kind: str, edits: int, kills: int, seed: int, tmp_path: Path, make_database: MakeDatabase
) -> None:
    begun = monotonic()
    with stormy_scene(tmp_path / "home", make_database(kind).url) as (at, witness):
        at.settle_in()
        at.fine("pull")
        storm = Storm(at, witness, seed)
        try:
            for part in range(kills):
                _killed_amid(at, storm, edits // kills + (part < edits % kills))
            _until_quiet(at, storm)
            _judge(at, storm)
            _tell(at, storm, witness, f"{kind}: {edits} edits, {kills} kills, {monotonic() - begun:.0f} s")
        finally:
            storm.engine.dispose()
        assert at.shop.books.refused == 0
        assert at.shop.books.refresh_reused == []


def _tell(at: Scene, storm: Storm, witness: Witness, what: str) -> None:
    left = {name: len(_rows(storm, f"sync_{name}")) for name in ("conflicts", "outbox", "refused_edits")}
    print(f"{what}: {at.calls()} calls, {len(witness.taken)} writes, {left}, {dict(sorted(storm.wrote.deeds.items()))}")


def _killed_amid(at: Scene, storm: Storm, edits: int) -> None:
    """One life of the daemon: people edit while it works, then it dies at a drawn number of calls."""
    process = at.start("run")
    try:
        first = at.calls()
        until(process, lambda: at.calls() > first)
        for _ in range(edits):
            (storm.edit_here if storm.luck.random() < 0.5 else storm.edit_there)()
            if storm.luck.random() < 0.3:
                _a_few_calls(at, process, storm.luck.randint(1, 6))
        _a_few_calls(at, process, storm.luck.randint(0, 40))
        if process.poll() is not None:
            pytest.fail(f"the daemon died by itself: {process.communicate()}")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _a_few_calls(at: Scene, process: "subprocess.Popen[str]", calls: int) -> None:
    """Wait until the daemon made so many more, or for a moment: it may have nothing to do."""
    begun, target = monotonic(), at.calls() + calls
    until(process, lambda: at.calls() >= target or monotonic() - begun > GAP_S)


def _until_quiet(at: Scene, storm: Storm) -> None:
    """`sync`, until it has nothing new to say: what is gone at the shop is believed after two complete looks."""
    for _ in range(SYNCS_MAX):
        done = at.syncd("sync")
        assert done.code in (0, 3), f"{done.out}\n{done.err}"
        if not storm.waiting() and not _unexplained(at, storm):
            return


def _judge(at: Scene, storm: Storm) -> None:
    waiting = [row for row in _rows(storm, "sync_outbox") if row["state"] != "parked"]
    assert waiting == []
    assert _unexplained(at, storm) == []
    assert storm.lost() == []
    for row in _rows(storm, "sync_conflicts"):
        _holds_both(at, storm, row)


def _rows(storm: Storm, table: str) -> list[Any]:
    return storm.rows(f"SELECT * FROM {table}")


def _unexplained(at: Scene, storm: Storm) -> list[str]:
    """Where mirror and shop differ, other than where a person is asked; and conflicts about what does not differ."""
    asked = {(row["resource"], row["key"], _head(row["path"])) for row in _rows(storm, "sync_conflicts")}
    parked = {(row["resource"], row["key"]) for row in _rows(storm, "sync_outbox")}
    found: list[str] = []
    met: set[tuple[str, str, str]] = set()
    for name, resource in BY_NAME.items():
        dump = at.shop.dump([name])[name]
        for line in differences(at.url, 1, resource, dump, at_most=10_000):
            place = _place(line)
            place = place if place in asked else (*place[:2], "")
            if place in asked:
                met.add(place)
            elif not {place[:2], (name, "" if place[1] == "None" else place[1])} & parked:
                found.append(line)
    return found + [f"{place}: a conflict about nothing" for place in sorted(asked - met)]


def _head(path: str) -> str:
    return path.partition("[")[0].partition(".")[0]


def _place(line: str) -> tuple[str, str, str]:
    """`products/75001.title: 'a' became 'b'`, or `products/75001 is missing in the mirror`."""
    name, _, rest = line.partition("/")
    first = rest.split(" ", 1)[0].rstrip(":")
    key, _, path = first.partition(".")
    return name, key, path.partition(".")[0]


def _holds_both(at: Scene, storm: Storm, row: Any) -> None:
    """What the conflict shows is what both sides have, not what they had once."""
    resource = BY_NAME[row["resource"]]
    record = at.shop.record(resource.name, row["key"])
    mine = storm.rows(f"SELECT * FROM {resource.table} WHERE row_id = :row AND deleted_at IS NULL", row=row["row_id"])
    if row["path"] == "":
        assert bool(row["local"]) == bool(mine), row
        assert bool(row["remote"]) == (record is not None), row
    elif row["path"] in resource.by_name:
        assert json.loads(row["local"]) == mine[0][row["path"]], row
        assert record is not None, row
        assert json.loads(row["remote"]) == record[row["path"]], row
