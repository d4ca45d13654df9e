"""Triggers: who calls a function from outside. Those of HTTP are served, all others kept."""

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

from infra.emulator import access
from infra.emulator.access import Access
from infra.emulator.errors import invalid
from infra.emulator.model.configuration import check_name

METHODS: Final = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")
KINDS: Final = (
    *("http", "timer", "oss", "log", "mns_topic", "cdn_events", "tablestore", "eventbridge"),
)
TRIGGERS_MAX: Final = 50


@dataclass(frozen=True)
class Trigger:
    """A trigger. `config` is JSON as it was given; `host` is made by the platform, for HTTP."""

    name: str
    kind: str
    qualifier: str
    config: str
    created: str
    modified: str
    identity: str = ""
    host: str = ""
    description: str = ""
    source_arn: str = ""
    invocation_role: str = ""

    def __post_init__(self) -> None:
        """Hold every field to the platform's limits."""
        check_name("triggerName", self.name)
        if self.kind not in KINDS:
            raise invalid("triggerType", f"{self.kind!r} is not one of {', '.join(KINDS)}")
        config = parsed(self.config)
        if self.is_http:
            if not set(self.methods) <= set(METHODS):
                raise invalid("triggerConfig.methods", f"must be out of {', '.join(METHODS)}")
            if not isinstance(config.get("disableURLInternet") or False, bool):
                raise invalid("triggerConfig.disableURLInternet", "must be true or false")
            _access(self.config)

    @property
    def is_http(self) -> bool:
        """Whether it is an HTTP trigger."""
        return self.kind == "http"

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """The methods that it lets in; all, where it names none."""
        methods = parsed(self.config).get("methods") or METHODS
        if not isinstance(methods, list | tuple) or not all(isinstance(m, str) for m in methods):
            raise invalid("triggerConfig.methods", "must be a list of strings")
        return tuple(methods)

    @cached_property
    def internet(self) -> bool:
        """Whether it may be called from the internet."""
        return not parsed(self.config).get("disableURLInternet")

    @property
    def access(self) -> Access:
        """Who may use it."""
        return _access(self.config)


def parsed(config: str) -> dict[str, Any]:
    """A trigger's configuration, which is an object in a string."""
    try:
        content = json.loads(config)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise invalid("triggerConfig", "must be a JSON object in a string")
    return content


@lru_cache(maxsize=1024)
def _access(config: str) -> Access:
    """Parsed once: a key set takes a while, and every request asks."""
    content = parsed(config)
    kind = content.get("authType") or "function"
    if not isinstance(kind, str):
        raise invalid("triggerConfig.authType", "must be a string")
    return access.parse(kind, content.get("authConfig"))
