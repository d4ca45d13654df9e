"""Fills the expressions of an s.yaml as Serverless Devs does, for those that ours uses.

    ${env('NAME')}   ${env('NAME', 'default')}   ${vars.name}   inside any string, as text
    ${json(env('NAME'))}                                        a whole value, as it parses

Tried against @serverless-devs/parse-spec 0.0.29: an empty variable counts as unset, and `json`
takes no `vars`.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from infra.deploy.errors import DeploymentError

_EXPRESSION: Final = re.compile(r"\$\{([^}]*)\}")
_ENV: Final = re.compile(r"env\('([A-Z][A-Z0-9_]*)'(?:,\s*'([^']*)')?\)")
_VARS: Final = re.compile(r"vars\.([A-Za-z][A-Za-z0-9_]*)")
_JSON: Final = re.compile(r"\$\{json\((env\([^)]*\))\)\}")

Yaml = Any
"""Parsed YAML, before it is known to be anything."""


def filled(
    node: Yaml, environment: Mapping[str, str], variables: Mapping[str, Yaml], place: str
) -> Yaml:
    """`node` with every expression in it filled.

    Raises `DeploymentError` for a variable without a value and for any other expression.
    """
    if isinstance(node, dict):
        return {
            key: filled(value, environment, variables, f"{place}.{key}")
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [
            filled(value, environment, variables, f"{place}[{index}]")
            for index, value in enumerate(node)
        ]
    if not isinstance(node, str):
        return node
    if whole := _JSON.fullmatch(node):
        text = _value(whole[1], environment, {}, place)
        try:
            return json.loads(text)
        except ValueError:
            # The text may be a secret, so it is not shown.
            raise DeploymentError(f"{place}: {whole[1]} is not JSON") from None
    return _EXPRESSION.sub(
        lambda match: _value(match[1].strip(), environment, variables, place), node
    )


def _value(
    expression: str, environment: Mapping[str, str], variables: Mapping[str, Yaml], place: str
) -> str:
    if env := _ENV.fullmatch(expression):
        value = environment.get(env[1]) or env[2]
        if value is None:
            raise DeploymentError(f"{place}: the environment variable {env[1]} is not set")
        return value
    if (var := _VARS.fullmatch(expression)) and var[1] in variables:
        return str(variables[var[1]])
    raise DeploymentError(f"{place}: ${{{expression}}} is not understood")
