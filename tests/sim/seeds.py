"""One seed as a job: run, timed, and told in a line."""

import traceback
from time import perf_counter

from tests.sim.simulation import Verdict, simulate
from tests.sim.world import draw_push


def replay(seed: int, more: str = "") -> str:
    """The command that runs one seed again and tells its story."""
    return f"python -m tests.sim --seed {seed}{more} --story"


def run(seed: int, *, push: bool = False) -> tuple[Verdict, float]:
    """One seed; what breaks the simulation itself is a breach too."""
    begun = perf_counter()
    try:
        verdict = simulate(seed, plan=draw_push(seed) if push else None)
    except Exception:  # noqa: BLE001  whatever it is, it is told with its seed
        verdict = Verdict(seed, (traceback.format_exc(),), "", {}, ())
    return verdict, perf_counter() - begun


def told(verdict: Verdict, took_s: float, more: str = "") -> str:
    """One line for a seed, more where it failed."""
    facts = " ".join(f"{name}={value}" for name, value in verdict.facts.items())
    word = "FAILED" if verdict.breaches else "equal"
    line = f"seed {verdict.seed:5} {word:6} {verdict.digest[:16]:16} {facts} ({took_s:.1f} s)"
    if not verdict.breaches:
        return line
    return "\n".join(
        [line, *(f"    {what}" for what in verdict.breaches[:8]), f"    again: {replay(verdict.seed, more)}"]
    )
