"""The 2016-08-15 dialect: services and functions, over the same model.

    operations   every operation's name and path     services    with versions, aliases, tags
    subject      what a path is about                functions   deploy, read, invoke
    translated   operations with the shapes of FC 3.0: the request is translated, not the work
    triggers     of HTTP, and others
    limits       on-demand and provision configurations, asynchronous invocation
    console      a command in a running instance

The function F of a service S is the model's S$F, and S.Q in a path is the service at a qualifier.
Triggers are called below /2016-08-15/proxy/S.Q/F/ too. Field names: aliyun-fc2 2.5.2, client.py.
"""

from typing import Final

from starlette.routing import Route

from infra.emulator import endpoints
from infra.emulator.api_v2.console import Consoles
from infra.emulator.api_v2.functions import Functions
from infra.emulator.api_v2.limits import Limits
from infra.emulator.api_v2.operations import OPERATIONS
from infra.emulator.api_v2.services import Services
from infra.emulator.api_v2.translated import Translated
from infra.emulator.api_v2.triggers import Triggers
from infra.emulator.api_v3.domains import Domains
from infra.emulator.endpoints import Check
from infra.emulator.state import Emulator

PREFIX: Final = "/2016-08-15"
PARTS: Final = (Services, Functions, Triggers, Limits, Consoles, Translated, Domains)


def routes(emulator: Emulator, check: Check | None) -> list[Route]:
    """The routes of every operation; requests must pass `check` first."""
    return endpoints.routes(PREFIX, OPERATIONS, [part(emulator) for part in PARTS], check)
