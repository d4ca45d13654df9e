"""What exists in the account, each held to the platform's limits. Knows no HTTP.

Function ─┬─ Version, LATEST and those published ─┬─ Configuration    how instances start
          │                                       └─ Code             a folder with the package
          ├─ Alias       versions by weight
          ├─ Trigger     who may call a qualifier (LATEST, a version, an alias) from outside
          └─ by qualifier: Minimum of instances, AsyncSettings
Layer        code that several functions share
CustomDomain routes of a host to functions
"""

from infra.emulator.model.asynchronous import AsyncSettings, Event, Status, Step, Target
from infra.emulator.model.configuration import (
    CUSTOM_RUNTIMES,
    EVENT_RUNTIMES,
    OF_SERVICE,
    RUNTIMES,
    Configuration,
    HealthCheck,
    check_name,
    within,
)
from infra.emulator.model.domains import CustomDomain, Path
from infra.emulator.model.functions import LATEST, Alias, Function, Minimum, Version
from infra.emulator.model.layers import Layer
from infra.emulator.model.packages import Code
from infra.emulator.model.services import Service, ServiceVersion, of_service
from infra.emulator.model.triggers import METHODS, Trigger

__all__ = [
    "CUSTOM_RUNTIMES",
    "EVENT_RUNTIMES",
    "LATEST",
    "METHODS",
    "OF_SERVICE",
    "RUNTIMES",
    "Alias",
    "AsyncSettings",
    "Code",
    "Configuration",
    "CustomDomain",
    "Event",
    "Function",
    "HealthCheck",
    "Layer",
    "Minimum",
    "Path",
    "Service",
    "ServiceVersion",
    "Status",
    "Step",
    "Target",
    "Trigger",
    "Version",
    "check_name",
    "of_service",
    "within",
]
