"""What people do with commands beside the daemon: they answer conflicts, take edits back, and have shops looked at.

Each command works in a house of its own, by the functions that the command line calls. What they decide goes into the
book and to the witness, for a judge must not take a person's wish for a loss.
"""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Final

from syncd.service import asking, conflicts, history
from syncd.service.asking import Order
from syncd.service.jobs import Wish
from syncd.service.wire import House
from tests.sim.chronicle import Chronicle
from tests.sim.typists import KEYS, Book
from tests.sim.witness import TYPED, Witness

AtDesk = Callable[[Callable[[House], Awaitable[object]]], Awaitable[None]]
Rows = Callable[..., list[tuple[Any, ...]]]
AGO: Final = ("30s", "2min", "10min")


class Commands:
    """One person with a shell. `at_desk` runs a command to its end, `rows` reads the mirror."""

    def __init__(
        self,
        every_s: float,
        world: Witness,
        book: Book,
        at_desk: AtDesk,
        rows: Rows,
        chronicle: Chronicle,
        luck: Random,
    ) -> None:
        self.is_over = False
        self.done = 0
        self._every_s = every_s
        self._world = world
        self._book = book
        self._at_desk = at_desk
        self._rows = rows
        self._chronicle = chronicle
        self._luck = luck

    async def work(self) -> None:
        """One command after another until it is over; what is under way then comes to its end."""
        kinds = ((4, self._resolve), (3, self._undo), (2, self._pull), (2, self._push))
        while not self.is_over:
            await asyncio.sleep(self._luck.expovariate(1 / self._every_s))
            if not self.is_over:
                [kind] = self._luck.choices([kind for _, kind in kinds], [weight for weight, _ in kinds])
                await self._at_desk(kind)
                self.done += 1

    def _say(self, what: str) -> None:
        self._chronicle.write("command", what)

    async def _resolve(self, house: House) -> None:
        """`syncd conflict resolve`."""
        found = await conflicts.listed(house)
        if not found:
            return
        one, side = self._luck.choice(found).conflict, self._luck.choice(("local", "remote"))
        if side == "local":
            self._world.chosen |= set(TYPED.findall(str(one.local)))
            self._world.wished.append((str(one.remote), str(one.local)))
        self._say(f"conflict resolve {one.id} --take {side}")
        await conflicts.resolve(house, str(one.id), side)

    async def _undo(self, house: House) -> None:
        """`syncd undo`, of a record that was edited here."""
        table = self._luck.choice(sorted(KEYS))
        lines = self._rows(
            "mirror",
            "SELECT DISTINCT s.name, h.key FROM sync_history h JOIN shops s ON s.id = h.shop_id"
            " WHERE h.resource = ? AND h.origin = 'local' AND h.key != '' ORDER BY 1, 2",
            table,
        )
        if not lines:
            return
        (shop, key), ago = self._luck.choice(lines), self._luck.choice(AGO)
        self._say(f"undo {shop}/{table}/{key} --to {ago}")
        undone = await history.undo(house, f"{shop}/{table}/{key}", ago)
        self._say(f"undone {undone.restored}")
        for was, again in undone.restored.values():
            self._taken_back(was, again)

    def _taken_back(self, was: str, again: str) -> None:
        """A person wants `again` where `was` stood: what is only in the one is nobody's loss."""
        self._world.wished.append((was, again))
        gone = {
            place for place, value in self._book.values.items() if f'"{value}"' in was and f'"{value}"' not in again
        }
        for place in gone:
            del self._book.values[place]

    async def _pull(self, house: House) -> None:
        """`syncd pull`, often with `--quick`."""
        await self._ordered(house, "pull", Wish(quick=self._luck.random() < 0.7))

    async def _push(self, house: House) -> None:
        """`syncd push`."""
        await self._ordered(house, "push", Wish())

    async def _ordered(self, house: House, job: str, wish: Wish) -> None:
        self._say(f"{job}{' --quick' if wish.quick else ''}")
        await asking.perform(house, Order(job, wish, _hears))


async def _hears(_: str) -> None:
    """Nobody looks at the screen."""
