"""First signal drains, second stops, SIGHUP reloads; and all is as before afterwards."""

import asyncio
import os
import signal
from collections.abc import Callable

from syncd.host.signals import watch


def told_by(numbers: list[signal.Signals], *, reload: bool = True) -> list[str]:
    async def main() -> list[str]:
        told: list[str] = []
        came = asyncio.Event()

        def tell(what: str) -> Callable[[], None]:
            def call() -> None:
                told.append(what)
                came.set()

            return call

        with watch(drain=tell("drain"), stop=tell("stop"), reload=tell("reload") if reload else None):
            for number in numbers:
                came.clear()
                os.kill(os.getpid(), number)
                await asyncio.wait_for(came.wait(), 10)
        return told

    return asyncio.run(main())


def test_the_first_drains_and_every_further_one_stops() -> None:
    assert told_by([signal.SIGTERM, signal.SIGINT, signal.SIGTERM]) == ["drain", "stop", "stop"]


def test_hangup_reloads_and_counts_for_nothing_else() -> None:
    assert told_by([signal.SIGHUP, signal.SIGINT, signal.SIGHUP]) == ["reload", "drain", "reload"]


def test_what_was_set_before_is_put_back() -> None:
    heard: list[int] = []
    earlier = signal.signal(signal.SIGHUP, lambda number, _: heard.append(number))
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        told_by([signal.SIGHUP])
        assert {number: signal.getsignal(number) for number in before} == before
        told_by([signal.SIGTERM], reload=False)
        os.kill(os.getpid(), signal.SIGHUP)
        assert heard == [signal.SIGHUP]
    finally:
        signal.signal(signal.SIGHUP, earlier)
