"""Minutes of real time on a shop with the usual call limit (40, 2 a second): nearly all of the leak is used, and no
call is refused, by one process or by two at once that share the bucket. `make soak` prints the figures.
"""

import faulthandler
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.process.scene import CLIENT, Scene, scene, until

SOAK_S = 300.0
LEAST_SHARE = 0.95
LEAK_PER_S = 2.0
SHOP: dict[str, Any] = {
    "products": 1_000,
    "orders": 10_000,
    "customers": 4_000,
    "bucket": 40.0,
    "leak_per_s": LEAK_PER_S,
    "switches": ("page_size=10",),
}

pytestmark = pytest.mark.soak


def test_a_backfill_uses_the_leak_and_is_never_refused(tmp_path: Path) -> None:
    with scene(tmp_path / "home", **SHOP) as at:
        at.settle_in()
        soaked(at, "one process", [("run",)])


def test_two_processes_share_the_bucket(tmp_path: Path) -> None:
    with scene(tmp_path / "home", **SHOP) as at:
        at.settle_in()
        soaked(at, "two processes", [("run",), ("pull", "--resource", "orders")])


def soaked(at: Scene, what: str, commands: list[tuple[str, ...]]) -> None:
    """Let these commands work side by side for a while; what the shop's books say then."""
    at.variables["SYNCD_LOG__LEVEL"] = "warning"  # nobody reads along: a full pipe would stop them
    faulthandler.cancel_dump_traceback_later()  # this takes as long as it takes
    before, begun = at.calls() - in_the_bucket(at), monotonic()
    processes = [at.start(*words) for words in commands]
    until(processes[0], lambda: monotonic() - begun >= SOAK_S, patience_s=2 * SOAK_S)
    took_s, leaked = monotonic() - begun, at.calls() - in_the_bucket(at) - before
    share, books = leaked / (took_s * LEAK_PER_S), at.shop.books
    print(f"\n{what}: {share:.1%} of the leak used in {took_s:.0f} s, {books.refused} calls refused,", end=" ")
    print(f"the bucket at most {books.bucket_peak:.1f} of {at.shop.bucket_size:.0f}")
    for process in processes:
        assert process.poll() is None, f"it ended: {process.communicate()}"
        process.terminate()
    for process in processes:
        process.communicate(timeout=60)
    assert books.refused == 0
    assert share >= LEAST_SHARE


def in_the_bucket(at: Scene) -> float:
    """Calls that the shop's bucket holds now: taken, and not leaked yet."""
    bucket = at.shop.bucket(CLIENT)
    return max(0.0, bucket.level - bucket.leak * (at.shop.clock() - bucket.at))
