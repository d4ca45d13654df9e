"""Every piece of text in a message, with its place.

A prompt can hide anywhere in a body, so all strings are read: values and object keys, JSON inside
strings (tool arguments), and adjacent text parts joined, since a word can be cut in two by a part's
border. Left out is only what cannot carry text: the APIs' own field names, and short plain values
of a few fields.
"""

import json
import re
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from functions.prompt.strict_json import DEPTH_MAX, Json, MalformedMessage, TooLarge
from functions.verdict.models import POINTER_CHARS_MAX

# Field names of the known APIs; any other key may have been chosen to say something.
_API_KEYS: Final = frozenset(
    """
    arguments assistant_id audio bot cache_control call_id choices content data description
    detail dimensions documents enable_search enable_thinking encoding_format enum file
    file_data file_id file_url filename format frequency_penalty function function_call
    functions history id image image_url include include_usage incremental_output index input
    input_audio input_schema instructions items json_schema language logit_bias logprobs
    max_completion_tokens max_output_tokens max_tokens message messages metadata modalities mode
    model n name object output parallel_tool_calls parameters prediction presence_penalty prompt
    properties query reasoning reasoning_content reasoning_effort refusal required
    response_format result_format role safety_identifier schema seed service_tier source stop
    stop_sequences store stream stream_options strict strict_mode suffix system temperature text
    thinking title token tool_call_id tool_calls tool_choice tool_use_id tools top_k
    top_logprobs top_p truncation type url user verbosity voice
    """.split()  # noqa: SIM905 -- easier to read so
)
_NO_TEXT_FIELDS: Final = frozenset(
    {"model", "role", "type", "id", "object", "tool_call_id", "tool_use_id", "call_id"}
)
# Numbers that steer a model, which never sees them.
_SETTINGS: Final = frozenset(
    """
    budget_tokens created created_at dimensions frequency_penalty index logprobs
    max_completion_tokens max_output_tokens max_tokens n presence_penalty seed temperature
    thinking_budget top_k top_logprobs top_p
    """.split()  # noqa: SIM905 -- easier to read so
)
_SETTING_BELOW: Final = 10**10
"""Above the seconds of a date, and below a phone number."""
_TOKEN_CHARS: Final = 16
_TOKEN: Final = re.compile(f"[A-Za-z0-9]{{{_TOKEN_CHARS}}}")
"""So many in a row are a random id, or a key in its place."""
# Starts like a word and holds no long number: no phone, card or id number passes for a model.
_NO_TEXT_VALUE: Final = re.compile(r"(?!.*[0-9]{9})[A-Za-z][A-Za-z0-9._:/-]{0,63}")
_INNER_DEPTH_MAX: Final = 4
"""JSON in a string in JSON in a string …: deeper than any tool call, shallow enough to bound."""
_INNER_STARTS: Final = ("{", "[", '"')
_INNER_APART_MAX: Final = 256
SEGMENTS_MAX: Final = 20_000
"""Pieces of text in one body: more than lists of the APIs hold, and read in a tenth of a second."""
_SHORT_POINTER_CHARS: Final = POINTER_CHARS_MAX // 2
_NUMBERS: Final = (int, float)
_EXACT_BELOW: Final = 1e21
_SAID: Final = ("content", "user", "bot")
"""Where messages have what they say: `user` and `bot` in DashScope's histories."""
_SAYING: Final = frozenset(_SAID)
_SEAM_CHARS: Final = 60
"""More than a number or a name has, and as much of an order as makes it one."""
_HALF_PAIR: Final = re.compile("[\ud800-\udfff]")


class View(StrEnum):
    """How a piece of text was come by."""

    PLAIN = "plain"
    """A string value, as it is: spans in it are spans in the string that the pointer names."""
    KEY = "key"
    INNER = "inner-json"
    """A string or key of a JSON document inside the string that the pointer names."""
    JOINED = "joined"
    """The text parts of the list that the pointer names, one behind the other."""
    SEAMS = "seams"
    """The ends and beginnings of a list's messages, one behind the other; short ones whole."""
    LABEL = "label"
    """An id or the like, which no model reads, but which may be a key that is sent away."""
    PATH = "path"
    NUMBER = "number"
    """A number, or the numbers of a list one behind the other, as JSON writes them."""
    EVENT = "event"
    """What a stream's event says outside of its JSON."""


class Segment(NamedTuple):
    """A piece of text, with its RFC 6901 pointer into the body and its message's role.

    A pointer of `POINTER_CHARS_MAX` characters may be a longer one's beginning.
    """

    text: str
    pointer: str
    role: str = ""
    view: View = View.PLAIN


def segments(value: Json) -> list[Segment]:
    """Every piece of text in a parsed body, in the order of the body; nothing for empty strings.

    Raises `MalformedMessage` where JSON inside a string is nested too deeply to be read, and
    `TooLarge` for more than `SEGMENTS_MAX` pieces.
    """
    found: list[Segment] = []
    _walk(value, "", "", found)
    return found


def _walk(value: Json, pointer: str, role: str, found: list[Segment]) -> None:
    """Add the text of `value`, which `strict_json.parse` has bounded in depth."""
    if len(found) > SEGMENTS_MAX:
        raise TooLarge(f"the body holds more than {SEGMENTS_MAX} pieces of text")
    kind = type(value)
    if kind is str:
        if value:
            found.append(Segment(value, pointer, role))
            _inner(value, pointer, role, found)
    elif kind is dict:
        _object(value, pointer, role, found)
    elif kind is list:
        _list(value, pointer, role, found)
    elif kind in _NUMBERS:
        _number([value], pointer, role, found)


def _object(value: dict[str, Json], pointer: str, role: str, found: list[Segment]) -> None:
    said_by = value.get("role")
    role = said_by if isinstance(said_by, str) else role
    for key, part in value.items():
        if key in _API_KEYS and len(pointer) < _SHORT_POINTER_CHARS:
            place = f"{pointer}/{key}"
        else:
            place = below(pointer, key)
            if key not in _API_KEYS:
                found.append(Segment(key, place, role, View.KEY))
        reads_as = _reads_as(key, part)
        if reads_as is View.PLAIN:
            _walk(part, place, role, found)
        elif reads_as is View.LABEL:
            found.append(Segment(part, place, role, View.LABEL))


def _list(value: list[Json], pointer: str, role: str, found: list[Segment]) -> None:
    numbers = [part for part in value if type(part) in _NUMBERS]
    if numbers:
        _number(numbers, pointer, role, found)
    if len(numbers) == len(value):
        return
    short = len(pointer) < _SHORT_POINTER_CHARS
    for index, part in enumerate(value):
        if type(part) not in _NUMBERS:
            place = f"{pointer}/{index}" if short else below(pointer, str(index))
            _walk(part, place, role, found)
    # One thing alone has no seam, unless it is a question with its answer.
    if len(value) > 1 or (isinstance(value[0], dict) and len(_SAYING & value[0].keys()) > 1):
        _joined(value, pointer, role, found)


def _number(numbers: list[Json], pointer: str, role: str, found: list[Segment]) -> None:
    text = ", ".join(map(_digits, numbers))
    found.append(Segment(text, pointer, role, View.NUMBER))


def below(pointer: str, step: str) -> str:
    """The pointer one step further. Cut, or one long key would be copied for all that is in it."""
    if len(pointer) >= POINTER_CHARS_MAX:
        return pointer
    escaped = step[:POINTER_CHARS_MAX].replace("~", "~0").replace("/", "~1")
    return f"{pointer}/{escaped}"[:POINTER_CHARS_MAX]


def _reads_as(key: str, part: Json) -> View | None:
    """Whether a field's value is text or holds some, is a label, or carries nothing."""
    if isinstance(part, str):
        if key not in _NO_TEXT_FIELDS:
            return View.PLAIN
        return _name_reads_as(part) if len(part) < _TOKEN_CHARS else _value_reads_as(part)
    silent = key in _SETTINGS and type(part) in _NUMBERS and abs(part) < _SETTING_BELOW
    return None if silent else View.PLAIN


def _value_reads_as(value: str) -> View | None:
    """The like for the value of a field that holds no text."""
    if _NO_TEXT_VALUE.fullmatch(value) is None:
        return View.PLAIN
    return View.LABEL if _TOKEN.search(value) else None


_name_reads_as: Final = lru_cache(maxsize=1024)(_value_reads_as)
"""The like for a short one, mostly one of a few roles and models. No key is as short and kept."""


def _digits(number: float) -> str:
    """A number as JSON writes it; a whole one without an exponent."""
    if type(number) is float and number.is_integer() and abs(number) < _EXACT_BELOW:
        return str(int(number))
    return repr(number)


def _joined(parts: list[Json], pointer: str, role: str, found: list[Segment]) -> None:
    """Add text parts joined; of messages their seams, since a word may begin in one of them."""
    texts = [part if isinstance(part, str) else _part_text(part) for part in parts]
    if sum(map(bool, texts)) > 1:
        found.append(Segment("".join(texts), pointer, role, View.JOINED))
    said = [
        part[field] for part in parts if isinstance(part, dict) for field in _SAID if field in part
    ]
    if len(said) > 1:
        seams = "".join(map(seam, said))
        if seams:
            found.append(Segment(seams, pointer, role, View.SEAMS))


def _part_text(part: Json) -> str:
    text = part.get("text") if isinstance(part, dict) else None
    return text if isinstance(text, str) else ""


def seam(said: Json) -> str:
    """How what a message says begins and ends."""
    if isinstance(said, list):
        said = "".join(map(_part_text, said))
    if not isinstance(said, str) or len(said) <= 2 * _SEAM_CHARS:
        return said if isinstance(said, str) else ""
    return f"{said[:_SEAM_CHARS]}\n{said[-_SEAM_CHARS:]}"


class _Pairs(list[tuple[str, Json]]):
    """An object inside a string. Unlike a dict it keeps equal keys, so that none hides another."""


# Numbers are left inexact, since Python refuses to convert whole ones of many digits.
_INNER: Final = json.JSONDecoder(object_pairs_hook=_Pairs, parse_int=float, strict=False)
_BLANK: Final = re.compile(r"[\s,]*")


def _inner(text: str, pointer: str, role: str, found: list[Segment]) -> None:
    """Add the strings of the JSON documents at the start of a string: escapes hide nothing there.

    Read leniently, since nobody says which reader it is meant for; the string as it is has been
    added already. A document may be a table of thousands of values: what is beyond
    `_INNER_APART_MAX` strings becomes one piece, each string on a line of its own.
    """
    if not may_hold_json(text):
        return
    strings: list[str] = []
    _inner_documents(text, strings, depth=0)
    apart, rest = strings[:_INNER_APART_MAX], strings[_INNER_APART_MAX:]
    found.extend(
        Segment(_HALF_PAIR.sub("\ufffd", each), pointer, role, View.INNER)
        for each in (*apart, "\n".join(rest))
        if each
    )


def may_hold_json(text: str) -> bool:
    """Whether a string, which is not empty, may begin with a JSON document."""
    return text[0] in _INNER_STARTS or text[0].isspace()


def _inner_documents(text: str, strings: list[str], depth: int) -> None:
    at = _blank(text, 0)
    while depth < _INNER_DEPTH_MAX and text[at : at + 1] in _INNER_STARTS:
        try:
            value, at = _INNER.raw_decode(text, at)
        except json.JSONDecodeError:
            return
        except RecursionError:
            raise _too_deep() from None
        _inner_strings(value, strings, depth + 1, level=0)
        at = _blank(text, at)


def _blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _inner_strings(value: Json, strings: list[str], depth: int, level: int) -> None:
    if level > DEPTH_MAX:
        raise _too_deep()
    if isinstance(value, str):
        strings.append(value)
        _inner_documents(value, strings, depth)
    elif isinstance(value, _Pairs):
        for key, part in value:
            _inner_strings(key, strings, depth, level + 1)
            _inner_strings(part, strings, depth, level + 1)
    elif isinstance(value, list):
        for part in value:
            _inner_strings(part, strings, depth, level + 1)


def _too_deep() -> MalformedMessage:
    return MalformedMessage(f"JSON inside a string is nested more than {DEPTH_MAX} levels deep")
