"""A strict way to read a resource: whatever nobody takes or leaves out by name is an error.

root = Fields(content, "file.yaml: Kind/name")
spec = root.mapping("spec") ──▶ spec.text("host") · spec.ignore("imagePullPolicy")
root.done()                 ──▶ refuses every field, however deep, that is left
"""

from collections.abc import Mapping
from typing import Any, Self


class ManifestError(Exception):
    """A manifest that cannot be used here; the message names file, resource, field and remedy."""


class Fields:
    """A mapping whose fields are taken one by one. `content` is the mapping as it is."""

    def __init__(self, content: Mapping[str, Any], place: str, path: str = "") -> None:
        self.content = content
        self._left = dict(content)
        self._place = place
        self._path = path
        self._children: list[Self] = []

    def error(self, name: str, what: str) -> ManifestError:
        """An error about the field `name`."""
        return ManifestError(f"{self._place}: {self._under(name)}: {what}")

    def has(self, name: str) -> bool:
        """Whether the field is there and has not been taken yet."""
        return name in self._left

    def text(self, name: str, default: str | None = None) -> str:
        """Take a string; without a default it is required."""
        return str(self._take(name, str, default, "a string"))

    def number(self, name: str, default: int | None = None) -> int:
        """Take a whole number; without a default it is required."""
        return int(self._take(name, int, default, "a whole number"))

    def texts(self, name: str) -> list[str]:
        """Take a required, non-empty list of strings."""
        found = self._take(name, list, None, "a list of strings")
        if not found or not all(isinstance(each, str) for each in found):
            raise self.error(name, "must be a list of strings, and not empty")
        return list(found)

    def labels(self, name: str) -> tuple[tuple[str, str], ...]:
        """Take required labels, sorted by their names."""
        found = self._take(name, dict, None, "a mapping of labels")
        if not found or not all(isinstance(each, str) for each in found.values()):
            raise self.error(name, "must map names to strings (quote true and 1), and not be empty")
        return tuple(sorted((str(key), value) for key, value in found.items()))

    def one_of(self, name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """Take a string out of a closed set: others cannot be translated."""
        value = self.text(name, default)
        if value not in allowed:
            raise self.error(name, f"{value!r} cannot be tried here; use {' or '.join(allowed)}")
        return value

    def mapping(self, name: str) -> Self:
        """Take a required mapping, as fields of its own."""
        return self._child(self._take(name, dict, None, "a mapping"), self._under(name))

    def mappings(self, name: str) -> list[Self]:
        """Take a required, non-empty list of mappings."""
        found = self._take(name, list, None, "a list of mappings")
        if not found or not all(isinstance(each, dict) for each in found):
            raise self.error(name, "must be a list of mappings, and not empty")
        path = self._under(name)
        return [self._child(each, f"{path}[{at}]") for at, each in enumerate(found)]

    def only_mapping(self, name: str) -> Self:
        """Take a list of exactly one mapping: what more of them mean cannot be tried here."""
        found = self.mappings(name)
        if len(found) != 1:
            raise self.error(name, f"has {len(found)} entries; only one can be tried here")
        return found[0]

    def ignore(self, *names: str) -> None:
        """Leave out fields that mean nothing outside a cluster; say why where it is called."""
        for name in names:
            self._left.pop(name, None)

    def ignore_rest(self) -> None:
        """Leave out every field that is left here; say why where it is called."""
        self._left.clear()

    def done(self) -> None:
        """Refuse any field, here or further down, that has not been taken."""
        for name in self._left:
            what = "is not understood here; remove it, or teach mesh/sidecar what it means"
            raise self.error(name, what)
        for child in self._children:
            child.done()

    def _child(self, content: Mapping[str, Any], path: str) -> Self:
        child = type(self)(content, self._place, path)
        self._children.append(child)
        return child

    def _under(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _take(self, name: str, kind: type, default: Any, what: str) -> Any:  # noqa: ANN401 -- by kind
        if name not in self._left:
            if default is None:
                raise self.error(name, f"is required; give {what}")
            return default
        value = self._left.pop(name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(name, f"must be {what}")
        return value
