"""Reads s.yaml as Serverless Devs does, for the part of it that the functions use.

What is not understood is an error with its field: a setting that is dropped in silence here would
make the local stack differ from what `s deploy` ships. Names and types are those of the fc3
component (devsapp/fc3, src/schema.json, 0.1.22).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from infra.deploy.errors import DeploymentError
from infra.deploy.expressions import Yaml, filled

# A shape says what a value may be: a type, [shape] for a list of such, {name: shape} for a mapping
# with these names and no others.
_Shape = type | list[Any] | dict[str, Any]

_HOOK: Final = {"handler": str, "command": [str], "timeout": int}
_FUNCTION: Final = {
    "functionName": str,
    "description": str,
    "runtime": str,
    "handler": str,
    "cpu": float,
    "memorySize": int,
    "diskSize": int,
    "timeout": int,
    "instanceConcurrency": int,
    "environmentVariables": dict,
    "customRuntimeConfig": {
        "command": [str],
        "args": [str],
        "port": int,
        "healthCheckConfig": {
            "httpGetUrl": str,
            "initialDelaySeconds": int,
            "periodSeconds": int,
            "timeoutSeconds": int,
            "failureThreshold": int,
            "successThreshold": int,
        },
    },
    "instanceLifecycleConfig": {"initializer": _HOOK, "preStop": _HOOK},
    "logConfig": {"project": str, "logstore": str},
    "role": str,
    "ossMountConfig": {
        "mountPoints": [
            {
                "bucketName": str,
                "bucketPath": str,
                "endpoint": str,
                "mountDir": str,
                "readOnly": bool,
            }
        ]
    },
}
_TRIGGER: Final = {
    "triggerName": str,
    "triggerType": str,
    "description": str,
    "qualifier": str,
    "triggerConfig": {
        "authType": str,
        "authConfig": {
            "jwks": dict,
            "tokenLookup": str,
            "claimPassBy": str,
            "whitelist": [str],
            "blacklist": [str],
        },
        "methods": [str],
        "disableURLInternet": bool,
    },
}
_PROPS: Final = {
    **_FUNCTION,
    "region": str,
    "code": str,
    "scalingConfig": {"minInstances": int},
    "concurrencyConfig": {"reservedConcurrency": int},
    "triggers": [_TRIGGER],
}
_RESOURCE: Final = {"component": str, "actions": dict, "props": _PROPS}
_FILE: Final = {"edition": str, "name": str, "access": str, "vars": dict, "resources": dict}
_REQUIRED: Final = ("region", "functionName", "runtime", "code", "customRuntimeConfig", "triggers")


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """One function. `settings` are the API's own fields; `code` is the package's path."""

    name: str
    code: Path
    settings: dict[str, Any]
    triggers: tuple[dict[str, Any], ...]
    instances_min: int
    reserved_concurrency: int | None = None


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
        content = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise DeploymentError(f"{path.name}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise DeploymentError(f"{path.name}{line}: is not YAML in UTF-8") from None
    _check(content, _FILE, path.name)
    if content.get("edition") != "3.0.0":
        raise DeploymentError(f"{path.name}: edition must be 3.0.0")
    if "${" in content.get("access", ""):
        raise DeploymentError(f"{path.name}: access is taken literally; expressions are not read")
    variables = {
        name: filled(value, environment, {}, f"vars.{name}")
        for name, value in (content.get("vars") or {}).items()
    }
    functions = tuple(
        _function(resource, environment, variables, path.parent, f"resources.{name}")
        for name, resource in (content.get("resources") or {}).items()
    )
    regions = {region for _, region in functions}
    if len(regions) != 1:
        raise DeploymentError(f"{path.name}: all functions must be in one region")
    return Deployment(regions.pop(), tuple(function for function, _ in functions))


def _function(
    resource: Yaml,
    environment: Mapping[str, str],
    variables: Mapping[str, Yaml],
    folder: Path,
    place: str,
) -> tuple[FunctionSpec, str]:
    """A resource's function, and its region."""
    content = filled(resource, environment, variables, place)
    _check(content, _RESOURCE, place)
    if content.get("component") != "fc3":
        raise DeploymentError(f"{place}.component must be fc3")
    props = content.get("props") or {}
    for name in _REQUIRED:
        if not props.get(name):
            raise DeploymentError(f"{place}.props.{name} is required")
    for name, value in (props.get("environmentVariables") or {}).items():
        if not isinstance(value, str):
            raise DeploymentError(f"{place}.props.environmentVariables.{name} must be a string")
    function = FunctionSpec(
        name=props["functionName"],
        code=folder / props["code"],
        settings={name: props[name] for name in sorted(_FUNCTION.keys() & props.keys())},
        triggers=tuple(props["triggers"]),
        instances_min=props.get("scalingConfig", {}).get("minInstances", 0),
        reserved_concurrency=props.get("concurrencyConfig", {}).get("reservedConcurrency"),
    )
    return function, props["region"]


def _check(value: Yaml, shape: _Shape, place: str) -> None:
    """Raise `DeploymentError` at the first place where `value` is not of `shape`."""
    match shape:
        case dict():
            _expect(isinstance(value, dict), place, "a mapping")
            for name, inner in value.items():
                if name not in shape:
                    listed = ", ".join(sorted(shape))
                    raise DeploymentError(f"{place}.{name} is not understood; known are {listed}")
                _check(inner, shape[name], f"{place}.{name}")
        case list():
            _expect(isinstance(value, list), place, "a list")
            for index, inner in enumerate(value):
                _check(inner, shape[0], f"{place}[{index}]")
        case type():
            # A whole number serves as a number too; a truth value serves as neither.
            fits = isinstance(value, int | float if shape is float else shape)
            _expect(fits and isinstance(value, bool) == (shape is bool), place, _NAMES[shape])


_NAMES: Final = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a mapping",
}


def _expect(fits: bool, place: str, what: str) -> None:
    if not fits:
        raise DeploymentError(f"{place} must be {what}")
