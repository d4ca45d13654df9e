"""A policy file → a checked `PolicyFile`, or an error that says where and what to do.

default.yaml:14: rule account-word: examples: Field required
default.yaml:9: rule account-word: sevrity: is not known; did you mean severity?
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from functions.policy.model import (
    Category,
    Examples,
    Judge,
    Match,
    PolicyFile,
    Rule,
)

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
_ERRORS_MAX: Final = 10
"""Errors told at once: enough to mend a file in one go, few enough to read."""
_KNOWN: Final = sorted(
    {
        field.alias or name
        for model in (PolicyFile, Rule, Match, Examples, Judge, Category)
        for name, field in model.model_fields.items()
    }
)


class PolicyError(ValueError):
    """A policy that cannot be loaded; the message names file, line and rule."""


@dataclass(frozen=True, slots=True)
class PolicySource:
    """A checked policy, and the place that its rules came from: file name and lines, from 1."""

    policy: PolicyFile
    file: str
    rule_lines: tuple[int, ...]

    def error(self, rule: int, what: str) -> PolicyError:
        """An error about the rule of that index."""
        place = f"{self.file}:{self.rule_lines[rule]}"
        return PolicyError(f"{place}: rule {self.policy.rules[rule].id}: {what}")


def load(path: Path) -> PolicySource:
    """The policy in the file at `path`.

    Raises `PolicyError` where it cannot be read, is not plain YAML, or is not a policy.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path.name}: cannot be read: {error.strerror}") from None
    if len(data) > FILE_BYTES_MAX:
        raise PolicyError(f"{path.name}: has {len(data)} bytes; at most {FILE_BYTES_MAX} are read")
    node, content = _read(data, path.name)
    try:
        policy = PolicyFile.model_validate(content)
    except ValidationError as error:
        raise PolicyError(_explain(error, node, content, path.name)) from None
    if policy.policy != path.stem:
        raise PolicyError(f"{path.name}: holds the policy {policy.policy}; the names must agree")
    lines = (_line(node, ("rules", index)) for index in range(len(policy.rules)))
    return PolicySource(policy, path.name, tuple(lines))


class _PlainLoader(yaml.SafeLoader):
    """Refuses equal keys, of which YAML lets the last one win, and aliases, which can multiply."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not read", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                what = "stands twice" if isinstance(key, yaml.ScalarNode) else "is not a name"
                raise yaml.MarkedYAMLError(problem=f"a key {what}", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _read(data: bytes, file: str) -> tuple[yaml.Node | None, Any]:
    """The YAML document as nodes, which know their lines, and as values."""
    try:
        loader = _PlainLoader(data)
        node = loader.get_single_node()
        content = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError(f"{file}:{line}: not a policy's YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        # Characters that YAML forbids, a date that is none, nesting beyond reason.
        raise PolicyError(f"{file}: not YAML, or nested too deeply") from None
    return node, content


def _explain(error: ValidationError, node: yaml.Node | None, content: Any, file: str) -> str:  # noqa: ANN401 -- any YAML value
    details = error.errors(include_input=False, include_url=False)
    lines = []
    for each in details[:_ERRORS_MAX]:
        place = each["loc"]
        message = each["msg"].removeprefix("Value error, ")
        if each["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(place[-1]), _KNOWN, n=1)
            message = "is not known" + (f"; did you mean {near[0]}?" if near else "")
        field, rule = _named(place, content)
        lines.append(f"{file}:{_line(node, place)}: {rule}{field}: {message}")
    if len(details) > _ERRORS_MAX:
        lines.append(f"{file}: and {len(details) - _ERRORS_MAX} errors more")
    return "\n".join(lines)


def _line(node: yaml.Node | None, place: Sequence[int | str]) -> int:
    """The line of the deepest node that `place` leads to, counted from 1."""
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


def _named(place: Sequence[int | str], content: Any) -> tuple[str, str]:  # noqa: ANN401 -- any YAML value
    """The field that an error is about, and the rule that it is in, as people name them."""
    rule = ""
    match place:
        case ["rules", int(index), *rest]:
            found = content["rules"][index]
            named = found.get("id") if isinstance(found, dict) else None
            rule, place = f"rule {named or f'number {index + 1}'}: ", rest
        case _:
            pass
    return ".".join(str(step) for step in place) or "the policy", rule
