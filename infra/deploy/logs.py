"""What a function printed, read from the emulator.

The cloud keeps logs in its log service, which has a client of its own (`s logs`).
"""

import json
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

from infra.deploy.errors import DeploymentError

_SECONDS = 5.0


def logs(name: str, endpoint: str) -> list[str]:
    """The last lines that the function's instances printed, oldest first.

    `endpoint` is an emulator's URL, such as http://127.0.0.1:9000. Raises `DeploymentError` where
    there is no emulator, or no such function.
    """
    url = f"{endpoint.rstrip('/')}/_meshward/functions/{quote(name, safe='')}/logs"
    try:
        with urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 -- the caller's own endpoint
            lines: list[str] = json.load(answer)["lines"]
    except HTTPError as error:
        error.close()
        raise DeploymentError(f"{endpoint} has no logs of {name}: {error.code}") from None
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        what = f"{endpoint} is no emulator that answers ({type(error).__name__})"
        raise DeploymentError(f"{what}; of functions in the cloud, read `s logs`") from None
    return lines
