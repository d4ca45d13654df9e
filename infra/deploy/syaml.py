"""Reads s.yaml as Serverless Devs does, for the part of it that the functions use.

    ${env('NAME', 'default')}   ${env('NAME')}   ${vars.name}      inside any string

What is not understood is an error with its field: a setting that is dropped in silence here would
make the local stack differ from what `s deploy` ships.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

_EXPRESSION: Final = re.compile(r"\$\{([^}]*)\}")
_ENV: Final = re.compile(r"env\('([A-Z][A-Z0-9_]*)'(?:,\s*'([^']*)')?\)")
_VARS: Final = re.compile(r"vars\.([A-Za-z][A-Za-z0-9_]*)")

_TOP: Final = {"edition", "name", "access", "vars", "resources"}
_RESOURCE: Final = {"component", "actions", "props"}
_REQUIRED: Final = ("region", "functionName", "runtime", "code", "customRuntimeConfig", "triggers")
_FUNCTION: Final = {
    *("functionName", "description", "runtime", "handler", "cpu", "memorySize", "diskSize"),
    *("timeout", "instanceConcurrency", "environmentVariables", "customRuntimeConfig", "logConfig"),
}
_PROPS: Final = _FUNCTION | {"region", "code", "scalingConfig", "triggers"}
_TRIGGER: Final = {"triggerName", "triggerType", "description", "qualifier", "triggerConfig"}


class DeploymentError(Exception):
    """An s.yaml that cannot be deployed here; the message names the field."""


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """One function. `settings` are the API's own fields; `code` is the package's path."""

    name: str
    code: Path
    settings: dict[str, Any]
    triggers: tuple[dict[str, Any], ...]
    instances_min: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that an s.yaml names."""

    region: str
    functions: tuple[FunctionSpec, ...]


def load(path: Path, environment: Mapping[str, str]) -> Deployment:
    """The deployment in the file at `path`, expressions filled from `environment`.

    Raises `DeploymentError` for an unknown field, a missing one, and a variable without a value.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise DeploymentError(f"{path.name}: cannot be read: {error}") from None
    _known(content, _TOP, path.name)
    if content.get("edition") != "3.0.0":
        raise DeploymentError(f"{path.name}: edition must be 3.0.0")
    variables = {
        name: _filled(value, environment, {}, f"vars.{name}")
        for name, value in (content.get("vars") or {}).items()
    }
    functions, regions = [], set()
    for name, resource in (content.get("resources") or {}).items():
        place = f"resources.{name}"
        _known(resource, _RESOURCE, place)
        if resource.get("component") != "fc3":
            raise DeploymentError(f"{place}.component must be fc3")
        props = _filled(resource.get("props"), environment, variables, f"{place}.props")
        functions.append(_function(props, path.parent, f"{place}.props"))
        regions.add(props["region"])
    if len(regions) != 1:
        raise DeploymentError(f"{path.name}: all functions must be in one region")
    return Deployment(str(regions.pop()), tuple(functions))


def _function(props: Any, folder: Path, place: str) -> FunctionSpec:  # noqa: ANN401 -- parsed YAML
    _known(props, _PROPS, place)
    for name in _REQUIRED:
        if not props.get(name):
            raise DeploymentError(f"{place}.{name} is required")
    for number, trigger in enumerate(props["triggers"]):
        _known(trigger, _TRIGGER, f"{place}.triggers[{number}]")
    scaling = props.get("scalingConfig") or {}
    _known(scaling, {"minInstances"}, f"{place}.scalingConfig")
    variables = props.get("environmentVariables") or {}
    for name, value in variables.items():
        if not isinstance(value, str):
            raise DeploymentError(f"{place}.environmentVariables.{name} must be a string")
    return FunctionSpec(
        name=str(props["functionName"]),
        code=folder / props["code"],
        settings={name: props[name] for name in sorted(_FUNCTION & props.keys())},
        triggers=tuple(props["triggers"]),
        instances_min=int(scaling.get("minInstances", 0)),
    )


def _known(content: Any, known: set[str], place: str) -> None:  # noqa: ANN401 -- parsed YAML
    if not isinstance(content, dict):
        raise DeploymentError(f"{place} must be a mapping")
    for name in content:
        if name not in known:
            listed = ", ".join(sorted(known))
            raise DeploymentError(f"{place}.{name} is not understood; known are {listed}")


def _filled(
    node: Any,  # noqa: ANN401 -- parsed YAML
    environment: Mapping[str, str],
    variables: Mapping[str, Any],
    place: str,
) -> Any:  # noqa: ANN401 -- parsed YAML
    if isinstance(node, dict):
        return {
            key: _filled(value, environment, variables, f"{place}.{key}")
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_filled(value, environment, variables, place) for value in node]
    if not isinstance(node, str):
        return node

    def value_of(match: re.Match[str]) -> str:
        expression = match[1].strip()
        if env := _ENV.fullmatch(expression):
            value = environment.get(env[1]) or env[2]
            if value is None:
                raise DeploymentError(f"{place}: the environment variable {env[1]} is not set")
            return value
        if (var := _VARS.fullmatch(expression)) and var[1] in variables:
            return str(variables[var[1]])
        raise DeploymentError(f"{place}: ${{{expression}}} is not understood")

    return _EXPRESSION.sub(value_of, node)
