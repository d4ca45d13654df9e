"""What a function printed, read from the emulator.

The cloud keeps logs in its log service, which has a client of its own (`s logs`).
"""

import json
from collections.abc import Iterator
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

from infra.deploy.errors import DeploymentError

_SECONDS = 5.0
_WAIT_SECONDS = 20
"""A question for further lines; the emulator answers as soon as there are some."""


def logs(name: str, endpoint: str) -> list[str]:
    """The last lines that the function's instances printed, oldest first.

    `endpoint` is an emulator's URL, such as http://127.0.0.1:9000. Raises `DeploymentError` where
    there is no emulator, or no such function.
    """
    return _read(name, endpoint, 0, 0)[0]


def follow(name: str, endpoint: str) -> Iterator[str]:
    """The same, and every line that comes from then on, until the emulator ends."""
    lines, after = _read(name, endpoint, 0, 0)
    while True:
        yield from lines
        lines, after = _read(name, endpoint, after, _WAIT_SECONDS)


def _read(name: str, endpoint: str, after: int, wait: int) -> tuple[list[str], int]:
    """The lines from number `after` on, once there are any or that many seconds are over."""
    query = f"after={after}&wait={wait}"
    url = f"{endpoint.rstrip('/')}/_meshward/functions/{quote(name, safe='')}/logs?{query}"
    try:
        with urlopen(url, timeout=_SECONDS + wait) as answer:  # noqa: S310 -- the caller's own
            told = json.load(answer)
            return list(told["lines"]), int(told["next"])
    except HTTPError as error:
        error.close()
        raise DeploymentError(f"{endpoint} has no logs of {name}: {error.code}") from None
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        what = f"{endpoint} is no emulator that answers ({type(error).__name__})"
        raise DeploymentError(f"{what}; of functions in the cloud, read `s logs`") from None
