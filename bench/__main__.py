"""`make bench`: run every measurement, or those named, and print a table.

Ratios of one run are the solid part: absolute figures move by a third from run to run.
"""

import sys
from importlib import import_module

MEASUREMENTS = ("capture",)


def main(names: list[str]) -> None:
    """Run the measurements one after the other."""
    for name in names or MEASUREMENTS:
        module = import_module(f"bench.{name}")
        print(f"\n{name}: {(module.__doc__ or '').splitlines()[0]}")
        for what, figure in module.measure():
            print(f"  {what:<64}{figure:>14}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
