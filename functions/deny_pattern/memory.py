"""What a function remembers of a call from one callout to the next, sealed into its state.

    request ──▶ state ──▶ response, or window 0 ──▶ state ──▶ window 1 ──▶ …

Functions keep nothing themselves: the next callout may come to another instance. The state is bound
to the call; another caller, path or policy cannot open it. What does not fit is forgotten, the
least harmful first: how texts ended so far, which placeholders were given, values to put back.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from functions.prompt import Heard
from functions.verdict import Callout
from functions.verdict.contract import STATE_BYTES_MAX

_CHANNELS_MAX: Final = 16
_SHORT_TAIL_CHARS: Final = 40
_STREAM_BYTES: Final = 1024
"""Room that the request phase leaves for what a stream has to remember."""


class Sealing(Protocol):
    """What makes state unreadable on its way, as `functions.runtime.sealing` does."""

    def seal(self, data: bytes, context: bytes) -> str:
        """`data`, bound to `context`, as text for a header."""

    def open(self, sealed: str, context: bytes) -> bytes | None:
        """What was sealed for `context`, else None."""


@dataclass(frozen=True, slots=True)
class Memory:
    """`values`: placeholders to put back. `names`: placeholders given, by label and value.

    `heard`: the ends of a stream's texts, by channel.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    heard: Mapping[str, Heard] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to remember."""
        return not (self.values or self.names or self.heard)


def sealed(memory: Memory, callout: Callout, sealing: Sealing) -> str | None:
    """The state that holds `memory`, or as much of it as fits; None for nothing."""
    room = STATE_BYTES_MAX if callout.stream else STATE_BYTES_MAX - _STREAM_BYTES
    for shrink in (_whole, _short_tails, _without_names, _without_tails):
        memory = shrink(memory)
        state = _packed(memory, callout, sealing)
        if len(state) <= room:
            return None if memory.empty else state
    while memory.values:
        items = list(memory.values.items())
        memory = Memory(dict(items[: len(items) * room // len(state)]))
        state = _packed(memory, callout, sealing)
        if len(state) <= room:
            return None if memory.empty else state
    return None


def opened(callout: Callout, sealing: Sealing) -> Memory:
    """What an earlier callout of this call sealed; nothing where there is no such state."""
    data = sealing.open(callout.state, _context(callout)) if callout.state else None
    if not data:
        return Memory()
    values, names, heard = json.loads(data)
    return Memory(
        values,
        {(label, value): name for label, value, name in names},
        {key: Heard(length, tail) for key, length, tail in heard},
    )


def _packed(memory: Memory, callout: Callout, sealing: Sealing) -> str:
    names = [[label, value, name] for (label, value), name in memory.names.items()]
    heard = [[key, each.length, each.tail] for key, each in memory.heard.items()]
    document = [dict(memory.values), names, heard[-_CHANNELS_MAX:]]
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return sealing.seal(data.encode("utf-8", "replace"), _context(callout))


def _whole(memory: Memory) -> Memory:
    return memory


def _short_tails(memory: Memory) -> Memory:
    heard = {
        key: Heard(each.length, each.tail[-_SHORT_TAIL_CHARS:])
        for key, each in memory.heard.items()
    }
    return replace(memory, heard=heard)


def _without_names(memory: Memory) -> Memory:
    return replace(memory, names={})


def _without_tails(memory: Memory) -> Memory:
    return replace(memory, heard={})


def _context(callout: Callout) -> bytes:
    parts = (callout.policy, callout.workload, callout.authority, callout.method, callout.path)
    return "\n".join((*parts, callout.request_id)).encode("utf-8")
