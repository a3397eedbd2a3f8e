"""The process that exchanges tokens: `python -m syncd.service.exchange_child`, started by `exchange_parent.py`.

It outlives the daemon, and ends by itself when it has stored what it was told to fetch. What it does with an order is
in `exchange_talk.py`.
"""

import sys

from syncd.host.child import cut_loose, serve


def main() -> None:
    """Serve until the parent lets go."""
    cut_loose()
    # httpx brings a command line along, with two large libraries for colours; nobody types here.
    sys.modules["click"] = None  # type: ignore[assignment]
    from syncd.host.clock import SystemClock  # noqa: PLC0415  after the line above
    from syncd.remote.oauth import TokenEndpoint  # noqa: PLC0415
    from syncd.service.exchange_talk import HARD_S, Talks  # noqa: PLC0415

    clock = SystemClock()
    serve(Talks(clock, lambda settings: TokenEndpoint(None, clock, settings)).talk, hard_s=HARD_S)


if __name__ == "__main__":
    main()
