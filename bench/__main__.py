"""`make bench`: run every measurement, or those named, and print a table.

Ratios of one run are the solid part: absolute figures move by a third from run to run.
"""

import sys
from importlib import import_module

MEASUREMENTS = ("load", "capture")


def main(words: list[str]) -> None:
    """Run the measurements one after the other."""
    sizes = [int(word) for word in words if word.isdigit()]
    for name in [word for word in words if not word.isdigit()] or MEASUREMENTS:
        module = import_module(f"bench.{name}")
        print(f"\n{name}: {(module.__doc__ or '').splitlines()[0]}")
        figures = module.measure(*sizes) if getattr(module, "SIZED", False) else module.measure()
        for what, figure in figures:
            print(f"  {what:<64}{figure:>14}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
