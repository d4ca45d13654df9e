"""The FC 3.0 dialect (2023-03-30): wire shapes over the model.

    operations     every operation's name and path     fields         typed reading of requests
    functions      deploy, read, invoke                configuration  what instances start with
    versions       and aliases                         triggers       of HTTP, and others
    scaling        minimum, limit, instances           layers         shared code
    asynchronous   retries, destinations, tasks        domains, tags

An operation that has no handler answers 501 with its name. Field names: alibabacloud-fc20230330
4.8.3, models/.
"""

from typing import Final

from starlette.routing import Route

from infra.emulator import endpoints
from infra.emulator.api_v3.asynchronous import Asynchronous
from infra.emulator.api_v3.domains import Domains
from infra.emulator.api_v3.functions import Functions
from infra.emulator.api_v3.layers import Layers
from infra.emulator.api_v3.operations import OPERATIONS
from infra.emulator.api_v3.scaling import ScalingConfigs
from infra.emulator.api_v3.tags import Tags
from infra.emulator.api_v3.triggers import Triggers
from infra.emulator.api_v3.versions import Versions
from infra.emulator.endpoints import Check
from infra.emulator.state import Emulator

PREFIX: Final = "/2023-03-30"
PARTS: Final = (
    *(Functions, Versions, Triggers, ScalingConfigs, Asynchronous, Layers, Domains, Tags),
)


def routes(emulator: Emulator, check: Check | None) -> list[Route]:
    """The routes of every operation; requests must pass `check` first."""
    return endpoints.routes(PREFIX, OPERATIONS, [part(emulator) for part in PARTS], check)
