"""The one document that every source of keys holds, YAML or JSON.

    dashscope.aliyuncs.com:                    a host, as the shim's configuration names it
      - sk-…                                   a key for every workload
      - {key: sk-…, workloads: [team-a/*]}     a key for some: namespace/name, * at the end of one

    text ──parse──▶ KeyTable ──hosts_for──▶ the keys of one workload's call

Keys are tried in their order. An error names host and entry, never a key.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Annotated, Any, Final

import yaml
from pydantic import BeforeValidator, Field, RootModel, StringConstraints, ValidationError

from functions.verdict.contract import HOST_KEYS_MAX
from functions.verdict.keys import HostKeys, HostName, Key, KeySet
from functions.verdict.models import Record

_VERSION_DIGITS: Final = 12
_TEXT_CHARS_MAX: Final = 1024 * 1024
_HOSTS_MAX: Final = 1000
_ENTRIES_MAX: Final = 1000

Workload = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9.-]+/([a-z0-9.-]+|[a-z0-9.-]*\*)$", max_length=255)
]


class TableError(ValueError):
    """A document that is no table of keys; the message tells where, and never a key."""


class _Entry(Record):
    key: Annotated[Key, Field(repr=False)]
    workloads: Annotated[tuple[Workload, ...], Field(min_length=1)] | None = None

    def serves(self, workload: str) -> bool:
        if self.workloads is None:
            return True
        return any(
            workload.startswith(each[:-1]) if each.endswith("*") else workload == each
            for each in self.workloads
        )


def _written_short(value: Any) -> Any:  # noqa: ANN401 -- whatever the document holds
    return {"key": value} if isinstance(value, str) else value


_Entries = Annotated[
    tuple[Annotated[_Entry, BeforeValidator(_written_short)], ...],
    Field(min_length=1, max_length=_ENTRIES_MAX),
]


class KeyTable(RootModel[dict[HostName, _Entries]]):
    """All keys of a source, by host. It shows none of them in `repr`."""

    def __repr__(self) -> str:
        return f"KeyTable({', '.join(sorted(self.root))})"

    __str__ = __repr__

    def hosts_for(self, workload: str, names: Sequence[str]) -> tuple[HostKeys, ...]:
        """The keys that `workload` gets for the hosts `names`, in their order.

        A host without keys for it is left out. More keys than the shim takes are cut at the end.
        """
        found = []
        for name in names:
            serving = [each.key for each in self.root.get(name, ()) if each.serves(workload)]
            keys = tuple(dict.fromkeys(serving))[:HOST_KEYS_MAX]
            if keys:
                found.append(HostKeys(name=name, keys=keys))
        return tuple(found)


def parse(text: str) -> KeyTable:
    """The table that `text` holds. Raises `TableError`."""
    if len(text) > _TEXT_CHARS_MAX:
        raise TableError(f"is longer than {_TEXT_CHARS_MAX} characters")
    try:
        content = yaml.load(text, Loader=_PlainLoader)  # noqa: S506 -- a safe one
    except _Ambiguous as error:
        raise TableError(str(error)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # Its own message quotes the line, and there the key. A date that is none is a ValueError.
        mark = getattr(error, "problem_mark", None)
        place = f" from line {mark.line + 1} on" if mark else ""
        raise TableError(f"is neither YAML nor JSON{place}") from None
    if not isinstance(content, dict) or not content:
        raise TableError("must be a mapping of hosts to lists of keys")
    if len(content) > _HOSTS_MAX:
        raise TableError(f"names more than {_HOSTS_MAX} hosts")
    try:
        return KeyTable.model_validate(content)
    except ValidationError as error:
        raise TableError(_first_of(error)) from None


class _Ambiguous(Exception):
    """What YAML takes and nobody means here; the message names a line, and nothing from it."""


class _PlainLoader(yaml.SafeLoader):
    """Refuses names that stand twice, of which YAML lets the last one win, and aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise _Ambiguous(f"has an alias in line {line}; write the keys out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                line = key.start_mark.line + 1
                raise _Ambiguous(f"has in line {line} a name that stands twice, or is none")
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def key_set(hosts: tuple[HostKeys, ...], version_key: bytes) -> KeySet:
    """The answer's document. Its version gives nothing away to who does not hold `version_key`."""
    content = json.dumps([[each.name, *each.keys] for each in hosts])
    digest = hmac.new(version_key, content.encode(), hashlib.sha256).hexdigest()
    return KeySet(version=digest[:_VERSION_DIGITS], hosts=hosts)


def _first_of(error: ValidationError) -> str:
    """Where the first fault is, and what kind; names of hosts are shown, everything else is not."""
    first = error.errors(include_input=False, include_url=False)[0]
    steps = [str(step) for step in first["loc"]]
    if "[key]" in steps:  # The name itself is at fault, and may be a key in the wrong place.
        return "a host's name must be in lower case, without port and final dot"
    known = {"key", "workloads"}
    place = ".".join(
        step if index == 0 or step in known or step.isdigit() else "…"
        for index, step in enumerate(steps)
    )
    return f"{place}: {first['msg']}"
