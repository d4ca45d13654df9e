"""The function `key-broker`: the source once, then a table looked up and sealed for each call.

    GET  /health      200 once the source is made
    POST /initialize  200: the platform's initialiser, nothing left to do; GET /pre-stop alike
    POST /v1/keys     signature ─▶ hosts ─▶ table in force ─▶ sealed for this very call
                        │ 401       │ 400       │ 503
    anything else     404

Whoever cannot sign learns nothing but that: which of a call's parts is at fault, only the log says.
"""

import os
import re
import time
from functools import partial
from typing import Final

from functions.key_broker.kms import Kms
from functions.key_broker.settings import BrokerSettings
from functions.key_broker.settings import read as read_broker
from functions.key_broker.sources import Credentials, Fixed, Source, SourceError, WatchedFile
from functions.key_broker.table import TableError, key_set
from functions.runtime import logs
from functions.runtime.asgi import Application, application
from functions.runtime.settings import SettingsError, current
from functions.runtime.web import Answering, Head, Reply, Service
from functions.verdict import Header, MalformedCallout, UnauthorisedCallout
from functions.verdict.contract import CONTRACT_VERSION, KEYS_PATH
from functions.verdict.keys import KEYS_CALL_BYTES_MAX, hosts_of, seal, verify_keys

_MEDIA_TYPE: Final = "application/octet-stream"
_VERSIONING: Final = "meshward-keys-version-v1"
_WORKLOAD: Final = re.compile(r"[\x21-\x7e]{0,255}")


def _source(settings: BrokerSettings) -> Source:
    def tell(what: str) -> None:
        logs.event("error", "keys not read", f"{what}\nstill in force: the keys before, if any")

    try:
        if settings.table is not None:
            return Fixed(settings.table)
        if settings.file is not None:
            return WatchedFile(settings.file, tell)
    except TableError as error:
        raise SettingsError(f"MESHWARD_KEYS {error}") from None
    except SourceError as error:
        raise SettingsError(f"MESHWARD_KEYS_FILE: {error}") from None
    assert settings.kms is not None  # noqa: S101 -- exactly one source is set
    return Kms(settings.kms, tell)


_settings = current()
_keys = _source(read_broker(os.environ))


def _begin(head: Head) -> Reply | Answering:
    """Every request of the function."""
    match head.method, head.path:
        case "POST", path if path == KEYS_PATH:
            if not head.values(Header.SIGNATURE):  # Said before a stranger's body is taken.
                return _unauthorised(f"{Header.SIGNATURE} must stand exactly once")
            return partial(_answer, head)
        case ("GET", "/health") | ("POST", "/initialize") | ("GET", "/pre-stop"):
            return Reply()
        case _:
            return Reply.error(404, "not-found", f"only POST {KEYS_PATH} is served here")


def _unauthorised(why: str) -> Reply:
    error = UnauthorisedCallout(why)
    logs.event("warning", "key call refused", why)
    return Reply.error(error.status, error.reason, "the call is not signed as it should be")


def _too_large() -> Reply:
    return _unauthorised("the body is larger than a call for keys can be")


service = Service(_begin, KEYS_CALL_BYTES_MAX, _too_large)
_application = application(service)


async def handle(_request: object) -> Application:
    """The function as functions-framework calls one: what it returns answers the request."""
    return _application


async def _answer(head: Head, body: bytes) -> Reply:
    try:
        return await _sealed(head, body)
    except UnauthorisedCallout as error:
        return _unauthorised(str(error))
    except MalformedCallout as error:
        logs.event("warning", "key call refused", str(error))
        return Reply.error(error.status, error.reason, str(error))
    except SourceError as error:
        logs.event("error", "no keys", str(error))
        return Reply.error(503, "keys.unavailable", "the source of the keys cannot be read")
    except Exception as error:  # noqa: BLE001 -- the process's one edge: nothing of it gets out
        logs.event("error", "key call failed", type(error).__name__)
        return Reply.error(
            500, "keys.failed", "the function failed; its log names the kind of error"
        )


async def _sealed(head: Head, body: bytes) -> Reply:
    """The keys of the hosts that the call names, once its signature is verified."""
    signatures, workloads = head.values(Header.SIGNATURE), head.values(Header.WORKLOAD)
    workload = workloads[0] if workloads else ""
    secrets, now = _settings.signing_secrets, int(time.time())
    secret = verify_keys(secrets, signatures, workload, body, now)
    if len(workloads) > 1 or not _WORKLOAD.fullmatch(workload):
        raise MalformedCallout(f"{Header.WORKLOAD} is repeated or ill-formed")
    if head.values(Header.CONTRACT) != [str(CONTRACT_VERSION)]:
        raise MalformedCallout(f"{Header.CONTRACT} must be {CONTRACT_VERSION}")
    names = hosts_of(body)
    table = await _keys.table(_credentials(head))
    answer = key_set(table.hosts_for(workload, names), secret.derived(_VERSIONING))
    logs.keys(workload, answer.version, {each.name: len(each.keys) for each in answer.hosts})
    sealed = seal(secret, signatures[0], answer.to_document())
    pairs = ((str(Header.CONTRACT), str(CONTRACT_VERSION)), ("content-type", _MEDIA_TYPE))
    return Reply(sealed, headers=pairs)


def _credentials(head: Head) -> Credentials | None:
    """The platform's own for this call. No caller can send them: its triggers refuse x-fc-*."""
    values = [
        head.header(f"x-fc-{name}")
        for name in ("access-key-id", "access-key-secret", "security-token")
    ]
    return Credentials(*values) if all(values) else None
