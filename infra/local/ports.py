"""Ports on loopback: the usual one when it is free, the next free one when it is not."""

import socket
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
_STEPS_MAX = 50


@dataclass(frozen=True, slots=True)
class Port:
    """A port that was free when it was asked for; `wanted` is the usual one, or 0 for any."""

    number: int
    wanted: int

    @property
    def stepped(self) -> bool:
        """Whether the usual port was busy."""
        return self.wanted not in (0, self.number)


def free_port(wanted: int = 0) -> Port:
    """A free TCP port on loopback: `wanted`, or the first free one of the 50 above it.

    Raises `OSError` where none of them is free. Another process may take the port before its user
    does; that user's own bind error then tells so.
    """
    for number in range(wanted, wanted + (_STEPS_MAX if wanted else 1)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, number))
            except OSError:
                continue
            return Port(number=probe.getsockname()[1], wanted=wanted)
    raise OSError(f"no free port from {wanted} to {wanted + _STEPS_MAX - 1} on {LOOPBACK}")
