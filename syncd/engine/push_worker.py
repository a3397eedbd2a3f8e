"""All the writing of one shop: local edits are noticed, claimed and sent, one run per go.

Shares the reader's capabilities and its quick looks. Faults end the run as `later`, what needs a person as `person`;
GrantRevoked concerns the whole shop and is raised.
"""

from dataclasses import asdict
from datetime import timedelta

from syncd.domain.capability import Capabilities
from syncd.domain.change import Change, ChangeState
from syncd.domain.resource import Resource
from syncd.domain.run import Outcome, Run, Tally
from syncd.engine.claim import Claim
from syncd.engine.hands import Hands
from syncd.engine.notice import Noticer
from syncd.engine.push import Pusher
from syncd.engine.worker import ShopWorker
from syncd.errors import GrantRevoked, LeaseLost, NeedsPerson, NotUnderstood, Retry, SyncdError
from syncd.ports import MirrorTx


class PushWorker:
    """Writes to one shop. The journal is taken in first, and again under each new lease."""

    def __init__(self, hands: Hands, reader: ShopWorker) -> None:
        self._hands = hands
        self._reader = reader
        self._noticer = Noticer(hands)
        self._pusher = Pusher(hands, self._look, self._capabilities)
        self._recovered: int | None = None  # the generation under which that was

    async def notice(self) -> dict[Claim, int]:
        """Claim what was edited; returns how many rows came out how."""
        await self._recover()
        return await self._noticer.notice()

    async def scan(self) -> dict[Claim, int]:
        """Compare mirror and base in full, then claim what was found; forget history that is too old."""
        await self._recover()
        hands = self._hands
        before = hands.clock.now() - timedelta(days=hands.rules.history_days)
        await hands.disk.mirror.run(lambda tx: tx.history.purge(hands.shop.id, before))
        await self._noticer.scan()
        return await self._noticer.notice()

    @property
    def sent(self) -> frozenset[int]:
        """The updates and deletes that left so far and are settled."""
        return self._pusher.sent

    async def push(self, *, only: frozenset[int] | None = None, exactly: bool = False) -> Run:
        """Claim what was edited and send what is ready; `only` sends these changes and nothing else, `exactly` as they
        were claimed or not at all."""
        started_at = self._hands.clock.now()
        tally = Tally()
        outcome, message = Outcome.DONE, ""
        fault: SyncdError | None = None
        try:
            await self._recover()

            async def claim() -> None:
                counts = await self._noticer.notice()
                tally.parked += counts[Claim.HELD]

            if only is None:
                await self._noticer.catch_up()
            tally.seen = await self._pusher.push(tally, claim if only is None else None, only=only, exactly=exactly)
            outcome = Outcome.PARTIAL if tally.parked else Outcome.DONE
        except GrantRevoked:
            raise
        except LeaseLost:
            self._recovered = None
            raise
        except (Retry, NotUnderstood) as problem:
            # A change may be left as it was when it was sent: the journal says where it stands.
            self._recovered = None
            outcome, message, fault = Outcome.LATER, problem.message, problem
        except NeedsPerson as problem:
            outcome, message = Outcome.PERSON, f"{problem.message}. {problem.hint}".strip()
        run = Run(
            self._hands.shop.name,
            "push",
            "",
            "",
            outcome,
            started_at,
            self._hands.clock.now(),
            asdict(tally),
            message,
            fault,
        )
        await self._reader.journal(run)
        return run

    async def waiting(self) -> list[Change]:
        """The changes that are neither settled nor parked."""
        shop_id = self._hands.shop.id
        changes = await self._hands.disk.reader.run(lambda tx: tx.outbox.all(shop_id))
        return [change for change in changes if change.state is not ChangeState.PARKED]

    async def restless(self) -> int:
        """How many touched rows are not claimed yet: creates that must be quiet first."""

        def count(tx: MirrorTx) -> int:
            return sum(tx.local.count_touched(self._hands.shop.id).values())

        return await self._hands.disk.reader.run(count)

    async def _recover(self) -> None:
        generation = self._hands.generation()
        if self._recovered != generation:
            await self._pusher.recover()
            self._recovered = generation

    async def _capabilities(self, resource: Resource) -> Capabilities:
        return (await self._reader.discover([resource]))[resource.name]

    async def _look(self, resource: Resource) -> bool:
        runs = await self._reader.pull([resource], quick=True, job="push", anew=True)
        return all(run.outcome in (Outcome.DONE, Outcome.PARTIAL) for run in runs)
