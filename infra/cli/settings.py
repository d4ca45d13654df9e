"""The settings of the command line: read once, into one frozen object.

    flag  over  environment  over  default        (`meshward config` shows value and origin)

A `MESHWARD_…` name in the environment that nothing reads stops the start: a misspelt setting would
otherwise be a guard that is configured in another way than its owner believes.
"""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal, cast

Body = Literal["portable", "hold"]
BODIES: Final = ("portable", "hold")


class SettingsError(Exception):
    """A setting that cannot be used; the message names it, its value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of `meshward up`. Secrets are kept out of `repr`.

    `body` is the way the sidecar holds a body (`portable` works with every Istio, `hold` needs
    Envoy 1.35). The functions follow the policies in `policy_dir`, or have the packed ones. With
    `provider_key` the real provider is called, with `judge_url` a real judge. `provider_key` may be
    several, with commas between; a `keys_file` has them instead, and can be changed while the stack
    runs (docs/keys.md).
    """

    port: int = field(default=8080, metadata={"env": "MESHWARD_PORT"})
    emulator_port: int = field(default=9000, metadata={"env": "MESHWARD_EMULATOR_PORT"})
    body: Body = field(default="portable", metadata={"env": "MESHWARD_BODY"})
    region: str = field(default="cn-hangzhou", metadata={"env": "MESHWARD_REGION"})
    policy_dir: str = field(default="", metadata={"env": "MESHWARD_POLICY_DIR"})
    provider_key: str = field(
        default="", repr=False, metadata={"env": "DASHSCOPE_API_KEY", "secret": True}
    )
    keys_file: str = field(default="", metadata={"env": "MESHWARD_KEYS_FILE"})
    judge_url: str = field(default="", metadata={"env": "MESHWARD_JUDGE_URL"})
    judge_model: str = field(default="", metadata={"env": "MESHWARD_JUDGE_MODEL"})
    judge_api_key: str = field(
        default="", repr=False, metadata={"env": "MESHWARD_JUDGE_API_KEY", "secret": True}
    )


_ELSEWHERE: Final = frozenset(
    {
        # Read by s.yaml, the functions or the manifests, and set by `meshward up` for them.
        "MESHWARD_LISTEN",
        "MESHWARD_LOG_PROJECT",
        "MESHWARD_LOG_STORE",
        "MESHWARD_MIN_INSTANCES",
        "MESHWARD_SIGNING_SECRETS",
        "MESHWARD_SIGNING_SECRET",
        "MESHWARD_TRIGGER_JWKS",
        "MESHWARD_TRIGGER_TOKEN",
        "MESHWARD_DENY_PATTERN_HOST",
        "MESHWARD_LLM_GUARD_HOST",
        "MESHWARD_KEY_BROKER_HOST",
        "MESHWARD_KEYS",
        "MESHWARD_KEYS_KMS_ENDPOINT",
        "MESHWARD_KEYS_KMS_SECRET",
        "MESHWARD_KEYS_ROLE",
        "MESHWARD_SHIM_URL",
    }
)
_FOR_LLM_GUARD: Final = frozenset(
    {
        "MESHWARD_JUDGE_BODY",
        "MESHWARD_JUDGE_FORM",
        "MESHWARD_JUDGE_HEDGE",
        "MESHWARD_JUDGE_PRICE_IN",
        "MESHWARD_JUDGE_PRICE_OUT",
        "MESHWARD_JUDGE_2_URL",
        "MESHWARD_JUDGE_2_MODEL",
        "MESHWARD_JUDGE_2_API_KEY",
        "MESHWARD_CACHE_URL",
    }
)
"""What s.yaml passes on to llm-guard, which checks it."""


def for_llm_guard(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What is set for llm-guard beyond the settings of this command."""
    return {name: value for name, value in environment.items() if name in _FOR_LLM_GUARD}


def read(flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in force; `flags` maps field names to values, None for a flag not given.

    Raises `SettingsError` for an unknown name and for a value that is not of its kind.
    """
    _refuse_unknown(environment)
    values: dict[str, Any] = {}
    for each in fields(Settings):
        name = each.metadata["env"]
        if flags.get(each.name) is not None:
            values[each.name] = flags[each.name]
        elif environment.get(name):
            values[each.name] = _typed(each.name, name, environment[name])
    settings = Settings(**values)
    if settings.body not in BODIES:
        raise SettingsError(f"body is {settings.body!r}; it must be one of {', '.join(BODIES)}")
    if settings.policy_dir and not Path(settings.policy_dir).is_dir():
        raise SettingsError(f"policy_dir is {settings.policy_dir!r}, and there is no such folder")
    if settings.judge_url and not settings.judge_model:
        raise SettingsError("MESHWARD_JUDGE_URL is set; give MESHWARD_JUDGE_MODEL too")
    return settings


def origins(
    flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> list[tuple[str, str, str]]:
    """Name, shown value and origin of each setting in force; a secret shows only that it is set."""
    settings = read(flags, environment)
    rows = []
    for each in fields(Settings):
        name, value = each.metadata["env"], getattr(settings, each.name)
        shown = ("set" if value else "") if each.metadata.get("secret") else str(value)
        if flags.get(each.name) is not None:
            origin = "flag"
        else:
            origin = f"environment {name}" if environment.get(name) else "default"
        rows.append((each.name, shown, origin))
    return rows


def _typed(field_name: str, name: str, value: str) -> object:
    if field_name not in ("port", "emulator_port"):
        return value
    if not value.isascii() or not value.isdigit() or not 0 <= int(value) <= 65535:
        raise SettingsError(f"{name} is {value!r}; it must be a port, 0 to 65535")
    return int(value)


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = (
        _ELSEWHERE
        | _FOR_LLM_GUARD
        | {cast("str", each.metadata["env"]) for each in fields(Settings)}
    )
    for name in environment:
        if name.startswith("MESHWARD_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = (
                f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
            )
            raise SettingsError(f"{name} is set in the environment and nothing reads it{hint}")
