"""A policy file → a checked `PolicyFile`, or an error that says where and what to do.

policies/default.yaml:14: rule account-word: examples: Field required
"""

import difflib
import hashlib
from collections.abc import Sequence
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
_KNOWN: Final = sorted(
    {
        field.alias or name
        for model in (PolicyFile, Rule, Match, Examples, Judge, Category)
        for name, field in model.model_fields.items()
    }
)


class PolicyError(Exception):
    """A policy that cannot be loaded; the message names file, line and rule."""


def load(path: Path) -> tuple[PolicyFile, str]:
    """The policy in the file at `path`, and the hash of its text (64 hex digits).

    Raises `PolicyError` where it cannot be read, is not YAML, or is not a policy.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path.name}: cannot be read: {error.strerror}") from None
    if len(data) > FILE_BYTES_MAX:
        raise PolicyError(f"{path.name}: has {len(data)} bytes; at most {FILE_BYTES_MAX} are read")
    try:
        node = yaml.compose(data, Loader=yaml.SafeLoader)
        _refuse_twice(node, path)
        content = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise PolicyError(
            f"{path.name}{line}: not YAML: {getattr(error, 'problem', error)}"
        ) from None
    try:
        policy = PolicyFile.model_validate(content)
    except ValidationError as error:
        raise PolicyError(_explain(error, node, content, path)) from None
    return policy, hashlib.sha256(data).hexdigest()


def _refuse_twice(node: yaml.Node | None, path: Path) -> None:
    """Refuse equal keys in one mapping: YAML lets the last one win without a word."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise PolicyError(f"{path.name}:{line}: the key {key.value} stands twice")
            seen.add(key.value)
            _refuse_twice(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_twice(value, path)


def _explain(error: ValidationError, node: yaml.Node | None, content: Any, path: Path) -> str:  # noqa: ANN401 -- any YAML value
    first = error.errors(include_input=False, include_url=False)[0]
    place = first["loc"]
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(place[-1]), _KNOWN, n=1)
        message = "is not known" + (f"; did you mean {near[0]}?" if near else "")
    field = ".".join(str(step) for step in place) or "the policy"
    rule = _rule_id(place, content)
    return f"{path.name}:{_line(node, place)}: {rule}{field}: {message}"


def _line(node: yaml.Node | None, place: Sequence[int | str]) -> int:
    """The line of the deepest node that `place` leads to, counted from 1."""
    for step in place:
        following: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            following = next((value for key, value in node.value if key.value == step), None)
        elif (
            isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value)
        ):
            following = node.value[step]
        if following is None:
            break
        node = following
    return node.start_mark.line + 1 if node is not None else 1


def _rule_id(place: Sequence[int | str], content: Any) -> str:  # noqa: ANN401 -- any YAML value
    match place:
        case ["rules", int(index), *_]:
            rule = content["rules"][index]
            return f"rule {rule.get('id', index)}: " if isinstance(rule, dict) else ""
        case _:
            return ""
