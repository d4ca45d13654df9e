"""Functions with their versions, aliases and what is set for each of them.

    qualifier ── "", LATEST ──▶ the version that is edited
              ── a number   ──▶ a published version, which never changes
              ── an alias   ──▶ its version, or an additional one by weight

Source: help.aliyun.com/zh/functioncompute, "Manage versions" and "Manage aliases", 2026-04.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from infra.emulator.errors import FcError, invalid, not_found
from infra.emulator.model.asynchronous import AsyncSettings
from infra.emulator.model.configuration import Configuration, within
from infra.emulator.model.packages import Code
from infra.emulator.model.triggers import Trigger

LATEST: Final = "LATEST"
_ALIAS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")
_ADDITIONAL_MAX: Final = 1
"""Versions beside an alias's own."""


@dataclass(slots=True)
class Version:
    """A function at one version.

    `rollout` changes with LATEST's configuration or code: instances of an older one take no more
    requests. `layers` are their codes, the first one first. `echoed` are fields that change
    nothing here; they are read back as they were given.
    """

    id: str
    configuration: Configuration
    code: Code
    created: str
    modified: str
    echoed: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    rollout: int = 1
    layers: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True)
class Alias:
    """A name for a version; `weights` are the shares of additional versions, from 0 to 1."""

    name: str
    version_id: str
    created: str
    modified: str
    weights: tuple[tuple[str, float], ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        """Hold every field to the platform's limits."""
        if not _ALIAS.fullmatch(self.name) or self.name == LATEST:
            what = f"{self.name[:140]!r} must be 1 to 128 letters, digits, _ and -, not {LATEST}"
            raise invalid("aliasName", what)
        if len(self.weights) > _ADDITIONAL_MAX:
            raise invalid("additionalVersionWeight", f"names more than {_ADDITIONAL_MAX} version")
        for _, weight in self.weights:
            within("additionalVersionWeight", weight, 0, 1)

    @property
    def versions(self) -> tuple[str, ...]:
        """All versions that it stands for."""
        return (self.version_id, *(name for name, _ in self.weights))

    def pick(self, chance: random.Random) -> str:
        """The version that one request goes to."""
        left = chance.random() if self.weights else 1.0
        for version_id, weight in self.weights:
            if left < weight:
                return version_id
            left -= weight
        return self.version_id


@dataclass(frozen=True, slots=True)
class Minimum:
    """How many instances a qualifier must have, by a provision or a scaling configuration."""

    kind: str
    count: int
    echoed: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Function:
    """A function as it is deployed. `reserved` None: as many instances as the account has left."""

    identity: str
    latest: Version
    versions: dict[str, Version] = field(default_factory=dict)
    published: int = 0
    aliases: dict[str, Alias] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    minimums: dict[str, Minimum] = field(default_factory=dict)
    asynchronous: dict[str, AsyncSettings] = field(default_factory=dict)
    reserved: int | None = None
    limits: dict[str, int] = field(default_factory=dict)
    """By qualifier: how many instances there may be, none of them reserved."""
    vpc_ids: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    disabled: str | None = None
    """Why invocations are refused, where they are."""

    @property
    def name(self) -> str:
        """The function's name."""
        return self.latest.configuration.name

    def version(self, version_id: str) -> Version:
        """The version of that id, or VersionNotFound."""
        if version_id == LATEST:
            return self.latest
        try:
            return self.versions[version_id]
        except KeyError:
            raise not_found("Version", version_id) from None

    def alias(self, name: str) -> Alias:
        """The alias of that name, or AliasNotFound."""
        return alias_of(self.aliases, name)

    def at(self, qualifier: str) -> Version:
        """The version that a qualifier stands for first; raises where it stands for none."""
        if qualifier in ("", LATEST) or qualifier.isdigit():
            return self.version(qualifier or LATEST)
        return self.version(self.alias(qualifier).version_id)

    def picked(self, qualifier: str, chance: random.Random) -> Version:
        """The version that one request goes to."""
        alias = self.aliases.get(qualifier)
        return self.version(alias.pick(chance)) if alias else self.at(qualifier)

    def refuse_disabled(self) -> None:
        """Raise FunctionInvocationDisabled where its invocations have been switched off."""
        if self.disabled is not None:
            what = f"invocations of '{self.name}' are disabled: {self.disabled}"
            raise FcError(403, "FunctionInvocationDisabled", what)

    def minimum(self, version_id: str) -> int:
        """How many instances a version must have, by all its names."""
        minimums = self.minimums.items()
        return sum(each.count for name, each in minimums if self._leads(name, version_id))

    def limit(self, version_id: str) -> int | None:
        """How many instances a version may have, by the least of its names' limits."""
        found = [most for name, most in self.limits.items() if self._leads(name, version_id)]
        return min(found, default=None)

    def publish(self, description: str, now: str, version_id: str = "") -> Version:
        """A new version, equal to LATEST as it is."""
        latest = self.latest
        self.published = max(self.published + 1, int(version_id or 0))
        version = Version(
            id=str(self.published),
            configuration=latest.configuration,
            code=latest.code,
            created=now,
            modified=now,
            echoed=dict(latest.echoed),
            description=description,
            layers=latest.layers,
        )
        self.versions[version.id] = version
        return version

    def put_alias(self, alias: Alias) -> None:
        """Add or replace an alias; its versions must be there."""
        for version_id in alias.versions:
            self.version(version_id)
        self.aliases[alias.name] = alias

    def unpublish(self, version_id: str) -> None:
        """Remove a version that no alias names."""
        self.version(version_id)
        if version_id == LATEST:
            raise invalid("versionId", f"{LATEST} cannot be deleted")
        refuse_named(self.aliases, version_id)
        del self.versions[version_id]

    def _leads(self, qualifier: str, version_id: str) -> bool:
        alias = self.aliases.get(qualifier)
        return (alias.version_id if alias else qualifier) == version_id


def alias_of(aliases: Mapping[str, Alias], name: str) -> Alias:
    """The alias of that name, or AliasNotFound."""
    try:
        return aliases[name]
    except KeyError:
        raise not_found("Alias", name) from None


def refuse_named(aliases: Mapping[str, Alias], version_id: str) -> None:
    """Raise VersionInUse where an alias stands for that version."""
    for alias in aliases.values():
        if version_id in alias.versions:
            what = f"version '{version_id}' is used by the alias '{alias.name}'"
            raise FcError(409, "VersionInUse", what)
