"""Tells systemd how the daemon is (Type=notify): a datagram to the socket that it named. Elsewhere it does nothing."""

import socket

from syncd.service.settings import notify_socket

READY = "READY=1"
STOPPING = "STOPPING=1"


def reloading(monotonic_s: float) -> str:
    """The state of a service that reads its settings anew, since this moment; READY ends it."""
    return f"RELOADING=1\nMONOTONIC_USEC={int(monotonic_s * 1e6)}"


def notify(state: str) -> bool:
    """Send one state; returns whether somebody listens. A listener that went away is no reason to stop."""
    address = notify_socket()
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
            speaker.sendto(state.encode(), address)
    except OSError:
        return False
    return True
