"""Reads manifests: YAML documents with `${NAME}` placeholders, and a strict way to take fields.

Placeholders are filled after parsing, inside strings only (also those of a JSON document within a
string), so that a value can hold any character without changing the document around it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

_PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


class ManifestError(Exception):
    """A manifest that cannot be used here; the message names file, resource, field and remedy."""


@dataclass(frozen=True, slots=True)
class Document:
    """One resource and where it came from."""

    file: Path
    content: dict[str, Any]

    @property
    def kind(self) -> str:
        """The resource's kind, empty where it has none."""
        return str(self.content.get("kind", ""))

    def fields(self) -> "Fields":
        """The document's fields, to be taken one by one."""
        metadata = self.content.get("metadata")
        name = metadata.get("name", "?") if isinstance(metadata, dict) else "?"
        return Fields(self.content, f"{self.file.name}: {self.kind or '?'}/{name}", "")


def load(folders: Iterable[Path], values: Mapping[str, str]) -> list[Document]:
    """Every resource in the `*.yaml` files of `folders`, with its placeholders filled.

    Raises `ManifestError` for YAML that is none, and for a placeholder without a value.
    """
    documents: list[Document] = []
    for folder in folders:
        files = sorted(folder.glob("*.yaml"))
        if not files:
            raise ManifestError(f"{folder}: no *.yaml files here")
        for file in files:
            documents += _read(file, values)
    return documents


def _read(file: Path, values: Mapping[str, str]) -> list[Document]:
    try:
        contents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise ManifestError(f"{file.name}: not YAML: {error}") from None
    documents = []
    for content in contents:
        if content is None:
            continue
        if not isinstance(content, dict):
            raise ManifestError(f"{file.name}: a document must be a mapping with kind and metadata")
        documents.append(Document(file, _filled(content, values, file.name)))
    return documents


def _filled(node: Any, values: Mapping[str, str], file: str) -> Any:  # noqa: ANN401 -- any YAML node
    if isinstance(node, dict):
        return {key: _filled(value, values, file) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, values, file) for value in node]
    if not isinstance(node, str):
        return node
    if node.lstrip().startswith("{"):
        # A JSON document inside a string, as Envoy takes a plugin's configuration.
        try:
            return json.dumps(_filled(json.loads(node), values, file), ensure_ascii=False)
        except ValueError:
            pass  # It only looks like one.

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name not in values:
            raise ManifestError(f"{file}: ${{{name}}} has no value; set {name}")
        return values[name]

    return _PLACEHOLDER.sub(value_of, node)


class Fields:
    """A mapping whose fields are taken one by one; `done` refuses what nobody took.

    `place` names file and resource, `path` the field within it, `content` is the mapping as it is.
    """

    def __init__(self, content: Mapping[str, Any], place: str, path: str) -> None:
        self.content = content
        self._left = dict(content)
        self._place = place
        self._path = path

    def error(self, name: str, what: str) -> ManifestError:
        """An error about the field `name`."""
        path = f"{self._path}.{name}" if self._path else name
        return ManifestError(f"{self._place}: {path}: {what}")

    def text(self, name: str, default: str | None = None) -> str:
        """Take a string; without a default it is required."""
        return str(self._take(name, str, default, "a string"))

    def number(self, name: str, default: int | None = None) -> int:
        """Take a whole number."""
        return int(self._take(name, int, default, "a whole number"))

    def texts(self, name: str, *, required: bool = False) -> list[str]:
        """Take a list of strings; empty where it may be left out."""
        found: list[Any] = self._take(name, list, None if required else [], "a list of strings")
        if not all(isinstance(each, str) for each in found):
            raise self.error(name, "must be a list of strings")
        return found

    def one_of(self, name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """Take a string out of a closed set: others cannot be translated."""
        value = self.text(name, default)
        if value not in allowed:
            choices = ", ".join(allowed)
            raise self.error(name, f"{value!r} cannot be tried here; known are {choices}")
        return value

    def mapping(self, name: str) -> Self:
        """Take a required mapping, as fields of its own."""
        found = self._take(name, dict, None, "a mapping")
        return type(self)(found, self._place, f"{self._path}.{name}" if self._path else name)

    def mapping_if_there(self, name: str) -> Self:
        """Take a mapping; empty fields where there is none."""
        self._left.setdefault(name, {})
        return self.mapping(name)

    def mappings(self, name: str) -> list[Self]:
        """Take a required, non-empty list of mappings."""
        found = self._take(name, list, None, "a list of mappings")
        path = f"{self._path}.{name}" if self._path else name
        if not found or not all(isinstance(each, dict) for each in found):
            raise self.error(name, "must be a list of mappings, and not empty")
        return [type(self)(each, self._place, f"{path}[{at}]") for at, each in enumerate(found)]

    def raw(self, name: str) -> Any:  # noqa: ANN401 -- passed on as it is
        """Take a required value as it is."""
        return self._take(name, object, None, "given")

    def ignore(self, *names: str) -> None:
        """Leave out fields that mean nothing outside a cluster; say why where it is called."""
        for name in names:
            self._left.pop(name, None)

    def done(self) -> None:
        """Refuse any field that has not been taken."""
        for name in self._left:
            raise self.error(
                name, "is not understood here; remove it, or teach mesh/sidecar about it"
            )

    def _take(self, name: str, kind: type, default: Any, what: str) -> Any:  # noqa: ANN401 -- by kind
        if name not in self._left:
            if default is None:
                raise self.error(name, "is required")
            return default
        value = self._left.pop(name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(name, f"must be {what}")
        return value
