"""Custom domains: routes of a host of one's own to functions.

    path ── equal to a route ──▶ its function        /a/* ── longest beginning that fits ──▶ its own

Source: help.aliyun.com/zh/functioncompute, "Configure custom domain names", 2026-04.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from infra.emulator.errors import invalid, not_emulated
from infra.emulator.model.triggers import METHODS

_HOST: Final = re.compile(r"(?=.{1,253}$)(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
_OURS: Final = (".aliyuncs.com", ".fcapp.run", ".localhost")
"""Hosts that lead elsewhere: a domain of such a name would take them over."""
_PROTOCOLS: Final = ("HTTP", "HTTPS", "HTTP,HTTPS")
_ROUTES_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Path:
    """One route: `pattern` is a path, or a beginning that ends in an asterisk."""

    pattern: str
    function: str
    qualifier: str = ""
    methods: tuple[str, ...] = METHODS

    def __post_init__(self) -> None:
        """Hold every field to the platform's limits."""
        if not self.pattern.startswith("/"):
            raise invalid(
                "routeConfig.routes.path", f"{self.pattern[:100]!r} does not begin with /"
            )
        if not set(self.methods) <= set(METHODS):
            raise invalid("routeConfig.routes.methods", f"must be out of {', '.join(METHODS)}")

    def fits(self, path: str) -> bool:
        """Whether it is for that path."""
        if self.pattern.endswith("*"):
            return path.startswith(self.pattern[:-1])
        return path == self.pattern


@dataclass(frozen=True, slots=True)
class CustomDomain:
    """A domain; `document` is its configuration as it was given."""

    name: str
    protocol: str
    routes: tuple[Path, ...]
    created: str
    modified: str
    document: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Hold every field to the platform's limits."""
        if not _HOST.fullmatch(self.name):
            raise invalid("domainName", f"{self.name[:100]!r} is no domain name")
        if self.name.endswith(_OURS) or self.name.rpartition(".")[2].isdigit():
            what = f"{self.name[:100]!r} is an address, or one of the platform's own names"
            raise invalid("domainName", what)
        if self.protocol not in _PROTOCOLS:
            raise invalid("protocol", f"{self.protocol!r} is not one of {', '.join(_PROTOCOLS)}")
        if len(self.routes) > _ROUTES_MAX:
            raise invalid("routeConfig.routes", f"are more than {_ROUTES_MAX}")
        if (self.document.get("authConfig") or {}).get("authType") not in (None, "", "anonymous"):
            raise not_emulated("authConfig of a custom domain (emulated: anonymous)")

    def route(self, path: str) -> Path | None:
        """The route for a path: the exact one, or else the one with the longest beginning."""
        fitting = [each for each in self.routes if each.fits(path)]
        exact = [each for each in fitting if not each.pattern.endswith("*")]
        found = exact or sorted(fitting, key=lambda each: len(each.pattern), reverse=True)
        return found[0] if found else None
