"""Manifests with the shim's settings changed, wherever they stand: one form holds them as YAML, the
other as JSON in a string."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from mesh.sidecar import Document

Change = Callable[[dict[str, Any]], dict[str, Any]]
"""What becomes of one object, whose members have been changed already."""


def changed(documents: Iterable[Document], change: Change) -> list[Document]:
    """The same manifests, every object in them as `change` makes it."""
    return [Document(each.file, _changed(each.content, change)) for each in documents]


def _changed(node: Any, change: Change) -> Any:
    if isinstance(node, dict):
        return change({name: _changed(value, change) for name, value in node.items()})
    if isinstance(node, list):
        return [_changed(value, change) for value in node]
    if isinstance(node, str) and node.startswith("{"):
        try:
            before = json.loads(node)
        except json.JSONDecodeError:
            return node
        after = _changed(before, change)
        return node if after == before else json.dumps(after)
    return node
