"""Reads manifests: YAML documents with `${NAME}` placeholders, filled with given values.

    *.yaml ──parse──▶ documents ──fill──▶ documents ──dump──▶ YAML for `kubectl apply -f -`

Placeholders are filled after parsing, inside strings only (also those of a JSON document within a
string), so that a value can hold any character without changing the document around it.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mesh.sidecar.fields import Fields, ManifestError

_PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_OPENING = "${"


@dataclass(frozen=True, slots=True)
class Document:
    """One resource, and the file that it came from."""

    file: Path
    content: dict[str, Any]

    @property
    def kind(self) -> str:
        """The resource's kind, empty where it has none."""
        return str(self.content.get("kind", ""))

    @property
    def place(self) -> str:
        """How messages name it: `file: kind/name`."""
        metadata = self.content.get("metadata")
        name = metadata.get("name", "?") if isinstance(metadata, dict) else "?"
        return f"{self.file.name}: {self.kind or '?'}/{name}"

    def fields(self) -> Fields:
        """The document's fields, to be taken one by one."""
        return Fields(self.content, self.place)


def load(folders: Iterable[Path], values: Mapping[str, str]) -> list[Document]:
    """Every resource in the `*.yaml` files of `folders`, with its placeholders filled.

    Raises `ManifestError` for what is not YAML or says one key twice, for a placeholder without a
    value, and for a value without a placeholder.
    """
    documents: list[Document] = []
    used: set[str] = set()
    for document in _parse(folders):
        content = _filled(document.content, values, used, document.place, "")
        documents.append(Document(document.file, content))
    unused = sorted(set(values) - used)
    if unused:
        names = ", ".join(unused)
        raise ManifestError(f"no manifest holds a placeholder for {names}; was it misspelt?")
    return documents


def placeholders(folders: Iterable[Path]) -> set[str]:
    """The names of all placeholders in the `*.yaml` files of `folders`."""
    parsed = [json.dumps(document.content, default=str) for document in _parse(folders)]
    return {name for text in parsed for name in _PLACEHOLDER.findall(text)}


def dump(documents: Sequence[Document]) -> str:
    """The documents as one YAML stream. It holds the values that were filled in: keep it secret."""
    contents = [document.content for document in documents]
    return yaml.safe_dump_all(contents, sort_keys=False, allow_unicode=True, width=1000)


def _parse(folders: Iterable[Path]) -> Iterable[Document]:
    for folder in folders:
        files = sorted(folder.glob("*.yaml"))
        if not files:
            raise ManifestError(f"{folder}: no *.yaml files here")
        for file in files:
            yield from _read(file)


def _read(file: Path) -> list[Document]:
    try:
        contents = list(yaml.load_all(file.read_bytes(), _StrictLoader))
    except yaml.MarkedYAMLError as error:
        # Its own text quotes the line, and a key may stand there.
        place = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ManifestError(f"{file.name}{place}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError):
        # Characters that YAML forbids, a date that is none.
        raise ManifestError(f"{file.name}: not YAML in UTF-8") from None
    for content in contents:
        if not isinstance(content, dict | None):
            raise ManifestError(f"{file.name}: a document must be a mapping with kind and metadata")
    return [Document(file, content) for content in contents if content is not None]


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice; YAML readers keep the last one, and say nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for at, key in enumerate(keys):
            if key in keys[:at]:
                mark = node.value[at][0].start_mark
                raise yaml.MarkedYAMLError(problem=f"key {key!r} stands twice", problem_mark=mark)
        return super().construct_mapping(node, deep)


def _filled(node: Any, values: Mapping[str, str], used: set[str], place: str, path: str) -> Any:  # noqa: ANN401 -- any YAML node
    """`node` with its placeholders filled; adds the names that were met to `used`."""
    if isinstance(node, dict):
        for key in node:
            if _OPENING in str(key):
                raise ManifestError(f"{place}: {path}: a field's name holds a placeholder")
        return {
            key: _filled(value, values, used, place, f"{path}.{key}" if path else str(key))
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [
            _filled(value, values, used, place, f"{path}[{at}]") for at, value in enumerate(node)
        ]
    if not isinstance(node, str) or _OPENING not in node:
        return node
    if node.lstrip().startswith("{"):
        # A JSON document inside a string, as Envoy takes a plugin's configuration.
        try:
            inner = json.loads(node)
        except json.JSONDecodeError as error:
            at = f"line {error.lineno}, column {error.colno}"
            raise ManifestError(f"{place}: {path}: begins like JSON and is none ({at})") from None
        return json.dumps(_filled(inner, values, used, place, path), ensure_ascii=False)
    return _filled_text(node, values, used, f"{place}: {path}")


def _filled_text(text: str, values: Mapping[str, str], used: set[str], where: str) -> str:
    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name not in values:
            raise ManifestError(f"{where}: ${{{name}}} has no value; set {name}")
        used.add(name)
        return values[name]

    if text.count(_OPENING) != len(_PLACEHOLDER.findall(text)):
        raise ManifestError(f"{where}: a placeholder reads ${{NAME}}, in capitals")
    return _PLACEHOLDER.sub(value_of, text)
