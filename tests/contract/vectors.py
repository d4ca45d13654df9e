"""The contract's vectors: tests/contract/vectors/*.json, each with a name that reads as a sentence.

    hosts · answers · windows · signatures · callouts · denials · configs   one rule each
    scenarios                                                       whole calls (scenarios.py)

The same files run against the Python models, the shim's code compiled natively, the built plugin
in a Wasm host, and a real Envoy.
"""

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "vectors"

Vector = dict[str, Any]


def document(kind: str) -> dict[str, Any]:
    """The whole file of that kind."""
    loaded: dict[str, Any] = json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
    return loaded


def each(*kinds: str) -> pytest.MarkDecorator:
    """Runs a test for each vector of these kinds; the test gets it as `vector`."""
    vectors: list[Vector] = [vector for kind in kinds for vector in document(kind)["vectors"]]
    names = [vector["name"] for vector in vectors]
    assert len(set(names)) == len(names), f"{kinds}: two vectors have the same name"
    return pytest.mark.parametrize("vector", vectors, ids=names)


def pairs(headers: list[list[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers]


def body_of(vector: Vector) -> bytes:
    """The body, which long ones give as a piece and how often it is repeated."""
    body: str = vector["body"]
    return body.encode() * int(vector.get("body_repeated", 1))


def configuration_of(vector: Vector) -> str:
    """The document of a vector of `configs`."""
    whole = "\n".join(document("configs")["document"])
    assert vector["replace"] in whole, "the piece to be replaced is not in the document"
    return whole.replace(vector["replace"], vector["by"], 1)
