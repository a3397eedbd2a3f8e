"""`python -m tests.sim`: many seeds, a line for each, in as many processes as the machine has cores.

A seed that fails prints what was breached and the one command that replays it. Exit code 1 where any did.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from time import perf_counter

from tests.sim.seeds import run, told
from tests.sim.simulation import Verdict, simulate
from tests.sim.world import draw, draw_push, short

_PER_PROCESS = 20


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many, from --first on (100)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--short", action="store_true", help="with --seed: the first hours of its day, as in the tests")
    parser.add_argument("--story", action="store_true", help="with --seed: every line of what happens")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one per core)")
    parser.add_argument("--push", action="store_true", help="hours in which people edit both sides")
    asked = parser.parse_args()
    drawn = draw_push if asked.push else draw
    if asked.seed is not None:
        plan = short(asked.seed) if asked.short else drawn(asked.seed)
        verdict = simulate(asked.seed, plan=plan, watch=print if asked.story else None)
        print(told(verdict, 0.0, _more(asked)))
        return 1 if verdict.breaches else 0
    begun, failed = perf_counter(), []
    for verdict, took_s in _all(asked):
        print(told(verdict, took_s, _more(asked)), flush=True)
        if verdict.breaches:
            failed.append(verdict.seed)
    print(f"{asked.seeds - len(failed)} of {asked.seeds} seeds end equal, in {perf_counter() - begun:.0f} s")
    if failed:
        print("failed:", *sorted(failed))
    return 1 if failed else 0


def _all(asked: argparse.Namespace) -> Iterator[tuple[Verdict, float]]:
    """Every seed with its time, as they end. Processes are replaced now and then, by pools of their own: one pool that
    replaces its workers (`max_tasks_per_child`) may wait for ever on Python 3.11."""
    seeds = range(asked.first, asked.first + asked.seeds)
    at_once = _PER_PROCESS * asked.jobs
    for begin in range(0, len(seeds), at_once):
        with ProcessPoolExecutor(asked.jobs) as pool:
            begun = [pool.submit(run, seed, push=asked.push) for seed in seeds[begin : begin + at_once]]
            yield from (future.result() for future in as_completed(begun))


def _more(asked: argparse.Namespace) -> str:
    return f"{' --push' if asked.push else ''}{' --short' if asked.short else ''}"


if __name__ == "__main__":
    sys.exit(main())
