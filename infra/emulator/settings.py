"""What an emulator is started with, and what it refuses to start with."""

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from infra.emulator.capacity import INSTANCES_MAX
from infra.ports import LOOPBACK

_PORT_MAX: Final = 65535
_REGION: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
_ACCOUNT: Final = re.compile(r"[0-9]{1,20}")


class StartError(Exception):
    """The emulator cannot start as it was told to; the message is for whoever started it."""


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """Ports (0: any free one), the TLS port's certificate, and whose account this is.

    `data` keeps all of the account for the next emulator, `code_folder` only its packages. With an
    access key id, signatures are verified; without one, anybody on this machine may call it.
    """

    port: int = 0
    tls_port: int | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    host: str = LOOPBACK
    region: str = "cn-hangzhou"
    account_id: str = "1234567890123456"
    code_folder: Path | None = None
    data: Path | None = None
    instances_max: int = INSTANCES_MAX
    access_key_id: str = ""
    access_key_secret: str = field(default="", repr=False)


def check(settings: EmulatorSettings) -> None:
    """Raise StartError for settings that lead nowhere, or too far."""
    for name in ("port", "tls_port"):
        port = getattr(settings, name)
        if port is not None and not 0 <= port <= _PORT_MAX:
            raise StartError(f"{name} {port} is not between 0 and {_PORT_MAX}")
    if not _REGION.fullmatch(settings.region):
        raise StartError(f"region {settings.region!r} is not of the form cn-hangzhou")
    if not _ACCOUNT.fullmatch(settings.account_id):
        raise StartError(f"account id {settings.account_id!r} is not a number of 1 to 20 digits")
    if settings.instances_max < 1:
        raise StartError(f"instances {settings.instances_max}: an account runs 1 or more")
    if not settings.access_key_id and not is_loopback(settings.host):
        what = "whoever reaches the emulator runs code on this machine; give it an access key"
        raise StartError(f"host {settings.host} can be reached from elsewhere: {what}")


def is_loopback(host: str) -> bool:
    """Whether that is an address of this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
