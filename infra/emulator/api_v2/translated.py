"""Operations whose shapes are those of FC 3.0: the request is translated, not the work.

/services/S.Q/functions/F/code ──▶ /functions/S$F/code?qualifier=Q
"""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from infra.emulator.api_v2.subject import function_and_qualifier
from infra.emulator.api_v3.functions import Functions
from infra.emulator.api_v3.scaling import ScalingConfigs
from infra.emulator.state import Emulator


class Translated:
    """Code and instances."""

    def __init__(self, emulator: Emulator) -> None:
        self._account = emulator.account
        self._functions, self._scaling = Functions(emulator), ScalingConfigs(emulator)

    async def get_function_code(self, request: Request) -> Response:
        """GetFunctionCode."""
        return await self._functions.get_function_code(self._translated(request))

    async def list_instances(self, request: Request) -> Response:
        """ListInstances."""
        return await self._scaling.list_instances(self._translated(request))

    def _translated(self, request: Request) -> Request:
        function, qualifier = function_and_qualifier(self._account, request)
        query = [*request.query_params.multi_items(), ("qualifier", qualifier)]
        scope = {
            **request.scope,
            "path_params": {**request.path_params, "name": function.name},
            "query_string": urlencode(query).encode(),
        }
        return Request(scope, request.receive)
