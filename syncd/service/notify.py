"""Tells systemd how the daemon is (Type=notify): a datagram to the socket that it named. Elsewhere it does nothing."""

import socket

from syncd.service.settings import notify_socket

READY = "READY=1"
STOPPING = "STOPPING=1"
_REPEATED = ("STATUS=", "WATCHDOG=")
_PATIENCE_S = 2.0
"""So long a state that is told once waits for a listener whose queue is full; a repeated one waits not at all."""


def reloading(monotonic_s: float) -> str:
    """The state of a service that reads its settings anew, since this moment; READY ends it."""
    return f"RELOADING=1\nMONOTONIC_USEC={int(monotonic_s * 1e6)}"


def notify(state: str) -> bool:
    """Send one state; returns whether somebody takes it. A listener that went away or does not listen is no reason to
    stop: its queue holds ten, and a plain send would wait for it, and the daemon with it."""
    address = notify_socket()
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
            speaker.settimeout(0.0 if state.startswith(_REPEATED) else _PATIENCE_S)
            speaker.sendto(state.encode(), address)
    except OSError:
        return False
    return True
