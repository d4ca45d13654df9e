"""One YAML file → a validated model, or an error that says where and what to do.

    default.yaml:14: rule account-word: examples: Field required
    default.yaml:9: rule account-word: sevrity: is not known; did you mean severity?

bytes ──events, bounded──▶ nodes, which know their lines ──▶ values ──pydantic──▶ model
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from functions.policy.wording import place_of, worded

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
_DEPTH_MAX: Final = 40
"""A policy nests eight levels deep; reading is recursive and must not exhaust the stack."""
_ERRORS_MAX: Final = 10
"""Errors told at once: enough to mend a file in one go, few enough to read."""

Model = TypeVar("Model", bound=BaseModel)


class PolicyError(ValueError):
    """A policy that cannot be loaded; the message names file, line and rule."""


class Document:
    """A YAML file, read: no aliases, no equal keys, bounded in size and depth.

    Raises `PolicyError` where it is not that.
    """

    def __init__(self, file: str, data: bytes) -> None:
        self.file = file
        if len(data) > FILE_BYTES_MAX:
            raise PolicyError(f"{file}: has {len(data)} bytes; at most {FILE_BYTES_MAX} are read")
        try:
            _refuse_aliases_and_depth(data)
            loader = _PlainLoader(data)
            self._node = loader.get_single_node()
            self._content = None if self._node is None else loader.construct_document(self._node)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise PolicyError(f"{file}:{line}: not a policy's YAML: {error.problem}") from None
        except (yaml.YAMLError, ValueError):
            # Characters that YAML forbids, a date that is none.
            raise PolicyError(f"{file}: not YAML in UTF-8") from None

    @classmethod
    def read(cls, path: Path) -> "Document":
        """The file at `path`."""
        return cls(path.name, contents(path))

    def validated(self, model: type[Model]) -> Model:
        """The content as `model`. Raises `PolicyError` with all that is wrong, up to a bound."""
        try:
            return model.model_validate(self._content)
        except ValidationError as error:
            raise PolicyError("\n".join(self._complaints(error, model))) from None

    def line(self, place: Sequence[int | str]) -> int:
        """The line of the deepest node that `place` leads to, counted from 1."""
        node: yaml.Node | None = self._node
        line = node.start_mark.line if node else 0
        for step in place:
            following: yaml.Node | None = None
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    if key.value == step:
                        line, following = key.start_mark.line, value
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                following = node.value[step]
                line = following.start_mark.line
            if following is None:
                break
            node = following
        return line + 1

    def entry(self, name: str, key: str, value: str) -> tuple[int | str, ...]:
        """The place of the entry of the list `name` that has `value` under `key`, or the list's."""
        entries = self._content.get(name) if isinstance(self._content, dict) else None
        for index, each in enumerate(entries or ()):
            if isinstance(each, dict) and each.get(key) == value:
                return name, index
        return (name,)

    def error(self, place: Sequence[int | str], what: str) -> PolicyError:
        """An error about that place."""
        return PolicyError(f"{self.file}:{self.line(place)}: {what}")

    def _complaints(self, error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
        details = error.errors(include_url=False)
        for each in details[:_ERRORS_MAX]:
            place = place_of(each["loc"])
            told = (*_named(place, self._content), worded(each, field_names(model)))
            yield f"{self.file}:{self.line(place)}: {': '.join(told)}"
        if len(details) > _ERRORS_MAX:
            yield f"{self.file}: and {len(details) - _ERRORS_MAX} errors more"


def contents(path: Path) -> bytes:
    """The bytes of the file at `path`. Raises `PolicyError` where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path.name}: cannot be read: {error.strerror}") from None


def field_names(model: type[BaseModel]) -> set[str]:
    """All names that a file of this model may use, on every level."""
    names: set[str] = set()
    for name, field in model.model_fields.items():
        names.add(field.alias or name)
        for inner in _models_in(field.annotation):
            names |= field_names(inner)
    return names


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 -- any type
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _refuse_aliases_and_depth(data: bytes) -> None:
    """Aliases can multiply, and reading what nests beyond reason would exhaust the stack."""
    depth = 0
    for event in yaml.parse(data, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise _refused("aliases are not read", event)
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > _DEPTH_MAX:
                raise _refused(f"nested more than {_DEPTH_MAX} levels deep", event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1


def _refused(problem: str, event: Any) -> yaml.MarkedYAMLError:  # noqa: ANN401 -- libyaml's or ours
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where it was built in: ten times as fast."""


class _PlainLoader(_LOADER):  # type: ignore[misc]  # one of two classes with one interface
    """Refuses equal keys, of which YAML lets the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                what = "stands twice" if isinstance(key, yaml.ScalarNode) else "is not a name"
                raise yaml.MarkedYAMLError(problem=f"a key {what}", problem_mark=key.start_mark)
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def _named(place: Sequence[int | str], content: Any) -> Iterator[str]:  # noqa: ANN401 -- any YAML value
    """The rule that an error is in and the field that it is about, as people name them."""
    rest = list(place)
    match rest:
        case ["rules", int(index), *rest]:
            found = content["rules"][index]
            named = found.get("id") if isinstance(found, dict) else None
            yield f"rule {named or f'number {index + 1}'}"
        case ["packs", int(), "rules", name, *rest] | ["overrides", name, *rest]:
            yield f"override of {name}"
        case []:
            yield "the policy"
    if rest:
        yield ".".join(str(step) for step in rest)
