"""What key-broker reads from its environment beyond what every function reads: one source.

    MESHWARD_KEYS              the table itself, as YAML or JSON
    MESHWARD_KEYS_FILE         a file that holds it; read again when it changes
    MESHWARD_KEYS_KMS_SECRET   the name of a secret of Alibaba Cloud's KMS that holds it, with
             _KMS_ENDPOINT     kms.<region>.aliyuncs.com unless set; http:// only on loopback
             _KMS_SECONDS      how long what KMS said is believed, 30 unless set

Exactly one source is set; an empty variable is as good as none.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from functions.runtime.settings import SettingsError

_SOURCES: Final = ("MESHWARD_KEYS", "MESHWARD_KEYS_FILE", "MESHWARD_KEYS_KMS_SECRET")
_KNOWN: Final = (*_SOURCES, "MESHWARD_KEYS_KMS_ENDPOINT", "MESHWARD_KEYS_KMS_SECONDS")
_KMS_SECONDS: Final = 30
_KMS_SECONDS_MAX: Final = 3600
_LOOPBACK: Final = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class KmsSettings:
    """Where the secret lies. `endpoint` is a host and port, `scheme` how it is spoken to."""

    secret: str
    scheme: str
    endpoint: str
    seconds: int


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """The one source, in the one field that is not None."""

    table: str | None = field(default=None, repr=False)
    file: Path | None = None
    kms: KmsSettings | None = None


def read(environment: Mapping[str, str]) -> BrokerSettings:
    """The settings that `environment` gives; raises `SettingsError` for one that cannot be used."""
    for name in environment:
        if name.startswith("MESHWARD_KEYS") and name not in _KNOWN:
            near = difflib.get_close_matches(name, _KNOWN, n=1)
            raise SettingsError(f"{name} is set and nothing reads it; did you mean {near[0]}?")
    given = [name for name in _SOURCES if environment.get(name)]
    if len(given) != 1:
        said = f"{' and '.join(given)} are set" if given else "no source of keys is set"
        raise SettingsError(f"{said}; set exactly one of {', '.join(_SOURCES)}")
    value = environment[given[0]]
    match given[0]:
        case "MESHWARD_KEYS":
            return BrokerSettings(table=value)
        case "MESHWARD_KEYS_FILE":
            return BrokerSettings(file=Path(value))
        case _:
            return BrokerSettings(kms=_kms(value, environment))


def _kms(secret: str, environment: Mapping[str, str]) -> KmsSettings:
    address = environment.get("MESHWARD_KEYS_KMS_ENDPOINT") or _usual(environment)
    scheme, separator, endpoint = address.partition("://")
    if not separator:
        scheme, endpoint = "https", address
    if scheme != "https" and (scheme != "http" or urlsplit(address).hostname not in _LOOPBACK):
        raise SettingsError(f"MESHWARD_KEYS_KMS_ENDPOINT is {address!r}; it must be spoken TLS to")
    seconds = environment.get("MESHWARD_KEYS_KMS_SECONDS") or str(_KMS_SECONDS)
    if not (seconds.isascii() and seconds.isdigit() and int(seconds[:5]) <= _KMS_SECONDS_MAX):
        what = f"it must be a whole number up to {_KMS_SECONDS_MAX}"
        raise SettingsError(f"MESHWARD_KEYS_KMS_SECONDS is {seconds!r}; {what}")
    return KmsSettings(secret, scheme, endpoint, int(seconds))


def _usual(environment: Mapping[str, str]) -> str:
    region = environment.get("FC_REGION", "")
    if not region:
        raise SettingsError("MESHWARD_KEYS_KMS_ENDPOINT must be set where FC_REGION is not")
    return f"kms.{region}.aliyuncs.com"
