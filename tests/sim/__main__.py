"""`python -m tests.sim`: many seeds, a line for each, in as many processes as the machine has cores.

A seed that fails prints what was breached and the one command that replays it. Exit code 1 where any did.
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from time import perf_counter

from tests.sim.seeds import run, told
from tests.sim.simulation import simulate
from tests.sim.world import draw, draw_push, short


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
    with ProcessPoolExecutor(asked.jobs, max_tasks_per_child=20) as pool:
        for future in as_completed(
            [pool.submit(run, seed, push=asked.push) for seed in range(asked.first, asked.first + asked.seeds)]
        ):
            verdict, took_s = future.result()
            print(told(verdict, took_s, _more(asked)), flush=True)
            if verdict.breaches:
                failed.append(verdict.seed)
    print(f"{asked.seeds - len(failed)} of {asked.seeds} seeds end equal, in {perf_counter() - begun:.0f} s")
    if failed:
        print("failed:", *sorted(failed))
    return 1 if failed else 0


def _more(asked: argparse.Namespace) -> str:
    return f"{' --push' if asked.push else ''}{' --short' if asked.short else ''}"


if __name__ == "__main__":
    sys.exit(main())
