"""What llm-guard reads from its environment beyond what every function reads.

    MESHWARD_JUDGE_URL, _MODEL, …                  the judge
    MESHWARD_JUDGE_2_URL, … MESHWARD_JUDGE_4_…     others, asked in this order when it fails
    MESHWARD_JUDGE_CALLS_MAX, …                    all of them together
    MESHWARD_CACHE_URL                             where all instances remember what was cleared

docs/judge.md lists every name. As everywhere, one that nothing reads stops the start.
"""

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from functions.llm_guard.http import FRAMING, Place
from functions.runtime.settings import SettingsError

JUDGES_MAX: Final = 4
"""The judge and three more: with each one, less of the deadline is left for it."""
PREFIXES: Final = ("MESHWARD_JUDGE_", "MESHWARD_CACHE_")
_CALLS_MAX: Final = 100
"""As many as one instance is given by s.yaml."""
_TOKENS_MAX: Final = 300
_MEMORY_ENTRIES_MAX: Final = 50_000
"""Of 32 bytes each, and what Python adds: below 10 MB."""

_OF_A_JUDGE: Final = (
    "URL",
    "MODEL",
    "API_KEY",
    "HEADERS",
    "BODY",
    "FORM",
    "TOKENS_MAX",
    "CA_FILE",
    "CERT_FILE",
    "KEY_FILE",
    "PRICE_IN",
    "PRICE_OUT",
)
_OF_ALL: Final = ("CALLS_MAX", "QUEUE_MAX", "WAIT_MS_MAX", "HEDGE")
_CACHE: Final = ("MESHWARD_CACHE_URL", "MESHWARD_CACHE_ENTRIES_MAX")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_URL: Final = re.compile(r"https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[^\s?#]*)?")
"""Without user and password, query or fragment."""
_VALUE: Final = re.compile(r"[\x20-\x7e]*")


class AnswerForm(StrEnum):
    """How the judge is asked to keep to a form. `auto` starts with the first and learns."""

    AUTO = "auto"
    SCHEMA = "schema"
    JSON = "json"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """One judge. `url` is the API's base, ending before `/chat/completions`.

    `body` is merged into each request, and null takes a field out of it, for endpoints that want
    their own. Prices are for a million tokens, in whatever currency the owner thinks in. Keys and
    headers are kept out of `repr`.
    """

    name: str
    url: str
    model: str
    api_key: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: Mapping[str, Any] = field(default_factory=dict)
    form: AnswerForm = AnswerForm.AUTO
    tokens_max: int = _TOKENS_MAX
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    price_in: float = 0.0
    price_out: float = 0.0


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """All judges in the order in which they are asked, and what bounds them together.

    A call waits for its turn for `wait_ms_max` at most, where that is set, and never beyond its
    deadline. `hedge` sends a second request where the first takes longer than 95 of 100 have taken.
    """

    judges: tuple[JudgeSettings, ...]
    calls_max: int = _CALLS_MAX
    queue_max: int = _CALLS_MAX
    wait_ms_max: int | None = None
    hedge: bool = False
    cache_url: str = field(default="", repr=False)
    cache_entries_max: int = _MEMORY_ENTRIES_MAX


def read(environment: Mapping[str, str]) -> GuardSettings:
    """The settings that `environment` gives; raises `SettingsError` for one that cannot be used."""
    _refuse_unknown(environment)
    judges = tuple(
        _judge(environment, number)
        for number in range(1, JUDGES_MAX + 1)
        if number == 1 or any(environment.get(_name(number, each)) for each in _OF_A_JUDGE)
    )
    calls_max = _number(environment, "MESHWARD_JUDGE_CALLS_MAX", _CALLS_MAX)
    hedge = environment.get("MESHWARD_JUDGE_HEDGE") or "off"
    if hedge not in ("on", "off"):
        raise SettingsError(f"MESHWARD_JUDGE_HEDGE is {hedge!r}; it must be on or off")
    cache_url, wait = environment.get("MESHWARD_CACHE_URL", ""), "MESHWARD_JUDGE_WAIT_MS_MAX"
    if cache_url and not cache_url.startswith(("redis://", "rediss://")):
        raise SettingsError("MESHWARD_CACHE_URL must begin with redis:// or rediss://")
    return GuardSettings(
        judges=judges,
        calls_max=calls_max,
        queue_max=_number(environment, "MESHWARD_JUDGE_QUEUE_MAX", calls_max),
        wait_ms_max=_number(environment, wait, 0) if environment.get(wait) else None,
        hedge=hedge == "on",
        cache_url=cache_url,
        cache_entries_max=_number(environment, "MESHWARD_CACHE_ENTRIES_MAX", _MEMORY_ENTRIES_MAX),
    )


def _judge(environment: Mapping[str, str], number: int) -> JudgeSettings:
    def value(part: str) -> str:
        return environment.get(_name(number, part), "")

    url, model = value("URL").rstrip("/"), value("MODEL")
    if not url or not model:
        names = f"{_name(number, 'URL')} and {_name(number, 'MODEL')}"
        raise SettingsError(f"{names} must be set for llm-guard")
    if not _URL.fullmatch(url):
        what = "must be http:// or https://, a host, and the path before /chat/completions"
        raise SettingsError(
            f"{_name(number, 'URL')} {what}; a key belongs in MESHWARD_JUDGE_API_KEY"
        )
    try:
        Place(url, None)
    except ValueError as error:  # A port beyond 65535, a host with an empty part.
        raise SettingsError(f"{_name(number, 'URL')} names no place: {error}") from None
    if bool(value("CERT_FILE")) != bool(value("KEY_FILE")):
        names = f"{_name(number, 'CERT_FILE')} and {_name(number, 'KEY_FILE')}"
        raise SettingsError(f"{names} belong together; set both or neither")
    if not _VALUE.fullmatch(value("API_KEY")):
        what = "must be plain ASCII text without line ends; was it read with its file's newline?"
        raise SettingsError(f"{_name(number, 'API_KEY')} {what}")
    form = value("FORM") or AnswerForm.AUTO.value
    if form not in list(AnswerForm):
        known = ", ".join(AnswerForm)
        raise SettingsError(f"{_name(number, 'FORM')} is {form!r}; it must be one of {known}")
    return JudgeSettings(
        name=f"{number}-{model}",
        url=url,
        model=model,
        api_key=value("API_KEY"),
        headers=_headers(_name(number, "HEADERS"), value("HEADERS")),
        body=_body(_name(number, "BODY"), value("BODY")),
        form=AnswerForm(form),
        tokens_max=_number(environment, _name(number, "TOKENS_MAX"), _TOKENS_MAX),
        ca_file=value("CA_FILE"),
        cert_file=value("CERT_FILE"),
        key_file=value("KEY_FILE"),
        price_in=_price(_name(number, "PRICE_IN"), value("PRICE_IN")),
        price_out=_price(_name(number, "PRICE_OUT"), value("PRICE_OUT")),
    )


def _name(number: int, part: str) -> str:
    return f"MESHWARD_JUDGE_{part}" if number == 1 else f"MESHWARD_JUDGE_{number}_{part}"


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = {*_CACHE, *(f"MESHWARD_JUDGE_{each}" for each in _OF_ALL)}
    known |= {_name(number, each) for number in range(1, JUDGES_MAX + 1) for each in _OF_A_JUDGE}
    for name in environment:
        if name.startswith(PREFIXES) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise SettingsError(f"{name} is set and nothing reads it{hint}")


def _headers(name: str, value: str) -> tuple[tuple[str, str], ...]:
    """A JSON object of header names and values. An error tells no value: it may be a token."""
    pairs = _object(name, value)
    for header, text in pairs.items():
        if not _HEADER.fullmatch(header) or not isinstance(text, str) or not _VALUE.fullmatch(text):
            what = f"the header {header!r} is none, or its value is not plain ASCII text"
            raise SettingsError(f"{name}: {what}")
        if header.lower() in FRAMING:
            raise SettingsError(f"{name}: {header} is what llm-guard itself says")
    return tuple(pairs.items())


def _object(name: str, value: str) -> dict[str, Any]:
    try:
        found = json.loads(value or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SettingsError(f"{name} must be a JSON object")
    return found


def _body(name: str, value: str) -> dict[str, Any]:
    body = _object(name, value)
    for field_name in ("messages", "stream", "n"):
        if field_name in body:
            raise SettingsError(f"{name}: {field_name} is what llm-guard itself says")
    return body


def _price(name: str, value: str) -> float:
    try:
        price = float(value or "0")
    except ValueError:
        price = -1.0
    if not 0 <= price < 1e9:
        raise SettingsError(f"{name} must be a price for a million tokens, such as 0.8")
    return price


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name) or str(default)
    if not (value.isascii() and value.isdigit() and 0 < int(value[:9]) <= 1_000_000):
        raise SettingsError(f"{name} is {value!r}; it must be a whole number from 1 to 1000000")
    return int(value)
