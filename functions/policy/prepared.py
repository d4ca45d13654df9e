"""Policies that were read, compiled and tried before, ready to be taken up in milliseconds.

    at deployment           folder ──preparing──▶ a file in the package ──▶ an instance that starts
    in a running function   folder ──preparing, in a child──▶ a pipe ──▶ the function goes on

The first line says of which folder and engine the rest was made, the next ones are JSON, a line for
each policy and each of its rules, and behind a policy's rules stand the bytes that its check made.
Of these an engine believes what it reads, so they are taken from the function's own package and
its own child, never from a folder that others write to.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from functions.policy.load import PACKS, PolicySource
from functions.policy.model import PolicyFile
from functions.policy.rule import Rule

_FORM: Final = 1
"""Changes with what is written here, so that older bytes are left aside."""
_REVISION_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Prepared:
    """A policy, and what its check made of it; no `data` where that is still to be made."""

    source: PolicySource
    revision: str
    data: bytes = b""


class NotPrepared(Exception):
    """Bytes that were made of another folder, by another engine, or are not whole."""


def revision_of(policy: PolicyFile, engine: str) -> str:
    """12 hex digits over everything that a policy says, and the engine that reads it.

    Comments, order of keys and defaults written out change nothing.
    """
    content = policy.model_dump(mode="json", by_alias=True)
    text = json.dumps([engine, content], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_REVISION_DIGITS]


def policy_files(folder: Path) -> list[Path]:
    """The policies of a folder. Raises `OSError` where it cannot be read."""
    return sorted(folder.glob("*.yaml"))


def pack_files(folder: Path) -> list[Path]:
    """The folder's own packs."""
    return sorted((folder / "packs").glob("*.yaml"))


def fingerprint(folder: Path, engine: str) -> str:
    """What `folder`, the built-in packs and the engine are, byte for byte. Raises `OSError`."""
    digest = hashlib.sha256(f"{_FORM}\0{engine}\0".encode())
    files = [(path.name, path) for path in policy_files(folder)]
    files += [(f"packs/{path.name}", path) for path in pack_files(folder)]
    files += [(f"built-in/{path.name}", path) for path in sorted(PACKS.glob("*.yaml"))]
    for name, path in files:
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def dump(made_of: str, policies: Iterable[Prepared]) -> bytes:
    """`policies` as bytes."""
    out = io.BytesIO()
    _write(out, {"fingerprint": made_of})
    for each in policies:
        policy = each.source.policy
        head = {
            "policy": policy.model_dump(mode="json", by_alias=True, exclude={"rules"}),
            "file": each.source.file,
            "places": each.source.places,
            "ancestry": each.source.ancestry,
            "revision": each.revision,
            "bytes": len(each.data),
        }
        _write(out, head)
        for rule in policy.rules:
            _write(out, rule.model_dump(mode="json", by_alias=True))
        out.write(each.data)
    return out.getvalue()


def parse(data: bytes, expected: str = "") -> Iterator[Prepared]:
    """The policies in `data`.

    Raises `NotPrepared` where it is not what `dump` writes, or of another fingerprint than the one
    that is asked for.
    """
    lines = io.BytesIO(data)
    try:
        made_of = json.loads(lines.readline())["fingerprint"]
        if expected not in ("", made_of):
            raise NotPrepared("the policies, the packs or the engine have changed since")
        while line := lines.readline():
            yield _prepared(json.loads(line), lines)
    except (ValueError, KeyError, TypeError) as error:
        raise NotPrepared(f"not what a preparation writes: {type(error).__name__}") from None


def _prepared(head: dict[str, Any], lines: io.BytesIO) -> Prepared:
    # Rule by rule, so that other threads get their turns in between.
    rules = tuple(Rule.model_validate_json(lines.readline()) for _ in head["places"])
    policy = PolicyFile.model_validate(head["policy"]).model_copy(update={"rules": rules})
    places, ancestry = tuple(head["places"]), tuple(head["ancestry"])
    data = lines.read(head["bytes"])
    if len(data) != head["bytes"]:
        raise NotPrepared("it ends too soon")
    return Prepared(PolicySource(policy, head["file"], places, ancestry), head["revision"], data)


def _write(out: io.BytesIO, document: object) -> None:
    out.write(json.dumps(document, ensure_ascii=False).encode() + b"\n")
