"""The shim's own denials, which the manifests bring, have the shapes that the functions make."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.prompt import closing, denial, shape_of
from functions.prompt.denial import CONTENT_TYPE
from tests.support.mesh import Form, manifests, values

PATHS = [
    "/compatible-mode/v1/chat/completions",
    "/compatible-mode/v1/embeddings",
    "/api/v1/services/aigc/text-generation/generation",
    "/api/v1/apps/an-app/completion",
]


def templates(node: Any) -> Iterator[dict[str, str]]:
    """Every entry of a `denials` list, in the order in which the shim looks."""
    if isinstance(node, str) and '"denials"' in node:
        node = json.loads(node)
    if isinstance(node, list):
        for each in node:
            yield from templates(each)
    if isinstance(node, dict):
        yield from node.get("denials", [])
        for each in node.values():
            yield from templates(each)


@pytest.mark.parametrize("form", ["portable", "hold"])
@pytest.mark.parametrize("path", PATHS)
def test_a_path_gets_one_shape_from_shim_and_functions(form: Form, path: str) -> None:
    documents = manifests(form, values(Path("shim.wasm")))
    found = [each for document in documents for each in templates(document.content)]
    template = next(each for each in found if path.startswith(each["path_prefix"]))
    assert template["body"] == denial(shape_of(path), "{reason}", "{check}")
    assert template["events"] == closing(shape_of(path), "{reason}", "{check}")
    assert template["content_type"] == CONTENT_TYPE
