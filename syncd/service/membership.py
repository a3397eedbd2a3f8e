"""Who this process is among those that work the shops of one database, and how long its calls may take."""

import os
import socket

from syncd.domain.lease import BEATS, Kind
from syncd.engine.lease_transactions import Member
from syncd.ports import Dice
from syncd.remote.settings import RemoteSettings


def member(dice: Dice, lease_s: float) -> Member:
    """A process that holds no lease yet: a command, until it joins the daemons."""
    return Member(dice.new_id(), socket.gethostname(), os.getpid(), Kind.COMMAND, lease_s)


def call_s(settings: RemoteSettings) -> float:
    """How long one call may be under way."""
    return settings.connect_s + settings.read_s


def write_s(settings: RemoteSettings, lease_s: float) -> float:
    """How long a lease must last for a write to leave: as long as the call may take, where a lease is that long; else
    until it was to be renewed."""
    return min(call_s(settings), lease_s / BEATS)
