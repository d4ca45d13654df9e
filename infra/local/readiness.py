"""Whether a sidecar has its keys yet: they come from a function, moments after it listens.

POST, a length that no limit allows ──▶ 503 key.unavailable    not yet
                                    └─▶ 413                    it has: nothing has left it
"""

import http.client
import time
from typing import Final

from infra.local.children import ChildError
from infra.ports import LOOPBACK

_LENGTH: Final = str(1 << 30)
"""More than `body_bytes_max` can be, so that the sidecar refuses the call by its headers."""
_POLL_SECONDS: Final = 0.02


def wait_for_keys(port: int, host: str, seconds: float = 20.0) -> None:
    """Return once the sidecar on `port` has a key for `host`.

    Raises `ChildError` when it has none in time.
    """
    end = time.monotonic() + seconds
    while (reason := _refusal(port, host)) == "key.unavailable":
        if time.monotonic() > end:
            what = "`meshward logs key-broker` tells who asked for keys and what was wrong"
            raise ChildError(f"the sidecar got no key for {host} in {seconds:g} s; {what}")
        time.sleep(_POLL_SECONDS)
    if reason != "request.too-large":
        raise ChildError(f"the sidecar answered {reason!r} where it should refuse for the length")


def _refusal(port: int, host: str) -> str:
    """The reason that the sidecar gives."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.putrequest("POST", "/", skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host)
        connection.putheader("Content-Length", _LENGTH)
        connection.endheaders()
        return connection.getresponse().getheader("x-meshward-reason", "")
    finally:
        connection.close()
