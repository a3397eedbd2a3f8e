"""What the lives of shops need of the house, handed in by whoever builds it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from syncd.domain.budget import Bucket
from syncd.domain.resource import Resource
from syncd.domain.shop import Shop
from syncd.engine.errands import Errands
from syncd.engine.hooks import Webhooking
from syncd.engine.leasing import Leases
from syncd.engine.outages import Outages
from syncd.engine.rules import HookRules, PullRules, PushRules
from syncd.engine.worker import ShopWorker
from syncd.ports import Alarm, Clock, Dice, Disk, Log

OpenWorker = Callable[[Shop], Awaitable[ShopWorker]]
ReadBucket = Callable[[Shop], Awaitable[Bucket]]
OpenErrands = Callable[[Shop, asyncio.Event], Errands]
OpenWebhooks = Callable[[Shop], Awaitable[Webhooking]]


@dataclass(frozen=True, slots=True)
class Keeping:
    """What each shop needs of the house. `open_worker` builds the worker of a shop: its tokens, budget, wire;
    `read_bucket` tells how its call budget stands; `open_errands` does what commands ask for when its bell is rung."""

    disk: Disk
    clock: Clock
    dice: Dice
    alarm: Alarm
    log: Log
    rules: PullRules
    resources: Sequence[Resource]
    open_worker: OpenWorker
    read_bucket: ReadBucket
    open_errands: OpenErrands
    outages: Outages
    leases: Leases
    push_rules: PushRules = field(default_factory=PushRules)
    hook_rules: HookRules = field(default_factory=HookRules)
    open_webhooks: OpenWebhooks | None = None
