"""Services of the 2016-08-15 API: a name, settings, versions and aliases for several functions.

A function of a service is the model's function `<service>$<function>`; a service's version is a
version of that number of each, and its alias an alias of that name of each.
"""

from dataclasses import dataclass, field
from typing import Any

from infra.emulator.errors import not_found
from infra.emulator.model.configuration import OF_SERVICE, check_name
from infra.emulator.model.functions import Alias, alias_of, refuse_named


@dataclass(frozen=True, slots=True)
class ServiceVersion:
    """What is told of a version of a service."""

    id: str
    description: str
    created: str
    modified: str


@dataclass(slots=True)
class Service:
    """A service; `echoed` are settings that change nothing here."""

    name: str
    identity: str
    created: str
    modified: str
    echoed: dict[str, Any] = field(default_factory=dict)
    published: int = 0
    versions: dict[str, ServiceVersion] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Hold the name to the platform's limits."""
        check_name("serviceName", self.name)

    def alias(self, name: str) -> Alias:
        """The alias of that name, or AliasNotFound."""
        return alias_of(self.aliases, name)

    def require(self, version_id: str) -> None:
        """Raise VersionNotFound unless there is such a version."""
        if version_id not in self.versions:
            raise not_found("Version", version_id)

    def unpublish(self, version_id: str) -> None:
        """Remove a version that no alias names."""
        self.require(version_id)
        refuse_named(self.aliases, version_id)
        del self.versions[version_id]


def of_service(service: str, function: str) -> str:
    """The model's name of a service's function."""
    return f"{service}{OF_SERVICE}{function}"
