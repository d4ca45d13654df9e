"""A function's settings: read once from the environment, into one frozen object.

An unknown `MESHWARD_…` name stops the start: a misspelt setting is a guard that runs otherwise than
its owner believes.
"""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from functions.verdict import Secret

_LISTEN: Final = "0.0.0.0"  # noqa: S104 -- the platform calls a function on any address
_PORT: Final = 9000
_BODY_BYTES_MAX: Final = 16 * 1024 * 1024
POLICIES: Final = Path(__file__).parents[1] / "policies"

_KNOWN: Final = (
    "MESHWARD_SIGNING_SECRETS",
    "MESHWARD_LISTEN",
    "MESHWARD_POLICY_DIR",
    "MESHWARD_BODY_BYTES_MAX",
)
_ELSEWHERE: Final = ("MESHWARD_JUDGE_", "MESHWARD_CACHE_", "MESHWARD_KEYS")
"""How the names begin that llm-guard and key-broker read and check themselves."""


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it and what is allowed, never a secret."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings in force. Secrets are kept out of `repr`."""

    signing_secrets: tuple[Secret, ...]
    listen: str = _LISTEN
    port: int = _PORT
    policy_dir: Path = POLICIES
    body_bytes_max: int = _BODY_BYTES_MAX


@cache
def current() -> Settings:
    """The settings of this process, read from its environment the first time they are asked for."""
    return read(os.environ)


def read(environment: Mapping[str, str]) -> Settings:
    """The settings that `environment` gives; raises `SettingsError` for one that cannot be used."""
    for name in environment:
        if name in _KNOWN or name.startswith(_ELSEWHERE):
            continue
        if name.startswith("MESHWARD_"):
            near = difflib.get_close_matches(name, _KNOWN, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(_KNOWN)}"
            raise SettingsError(f"{name} is set and nothing reads it; {hint}")
    return Settings(
        signing_secrets=_secrets(environment.get("MESHWARD_SIGNING_SECRETS", "")),
        listen=environment.get("MESHWARD_LISTEN") or _LISTEN,
        port=_number(environment, "FC_SERVER_PORT", _PORT, most=65_535),
        policy_dir=Path(environment.get("MESHWARD_POLICY_DIR") or POLICIES),
        body_bytes_max=_number(environment, "MESHWARD_BODY_BYTES_MAX", _BODY_BYTES_MAX),
    )


def _secrets(value: str) -> tuple[Secret, ...]:
    values = [each.strip() for each in value.split(",") if each.strip()]
    if not values:
        raise SettingsError("MESHWARD_SIGNING_SECRETS is not set; callouts could not be verified")
    try:
        return tuple(Secret(each) for each in values)
    except ValueError as error:
        raise SettingsError(f"MESHWARD_SIGNING_SECRETS: {error}") from None


def _number(environment: Mapping[str, str], name: str, default: int, most: int = 2**31) -> int:
    value = environment.get(name) or str(default)
    if not (value.isascii() and value.isdigit() and 0 < int(value[:12]) <= most):
        raise SettingsError(f"{name} is {value!r}; it must be a whole number from 1 to {most}")
    return int(value)
