"""Ports on loopback: the usual one when it is free, the next free one when it is not.

A port for whoever comes is sought below those that the kernel gives to outgoing connections and to
port 0 (32768 and up by default on Linux, 49152 on macOS). One from up there is soon somebody
else's, and a server that binds it a moment later finds it busy.
"""

import itertools
import secrets
import socket
from dataclasses import dataclass
from typing import Final

LOOPBACK: Final = "127.0.0.1"
_STEPS_MAX: Final = 50
_ANY: Final = range(20_000, 32_000)
_turn = itertools.count(secrets.randbelow(len(_ANY)))
"""Each process goes through `_ANY` from a place of its own: nobody is given a port twice in a row,
and two processes that look at the same moment look in different places."""


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
    steps = range(wanted, wanted + _STEPS_MAX) if wanted else _any()
    for number in steps:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, number))
            except OSError:
                continue
            return Port(number, wanted)
    raise OSError(f"no free port from {min(steps)} to {max(steps)} on {LOOPBACK}")


def _any() -> list[int]:
    return [_ANY[next(_turn) % len(_ANY)] for _ in range(_STEPS_MAX)]
