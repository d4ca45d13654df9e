"""Tags of functions, by their ARN or their name; and the regions that there are."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.emulator.api_v3.fields import Fields, has_tags, json_list, json_texts, read_tags
from infra.emulator.errors import invalid, not_emulated
from infra.emulator.model import Function
from infra.emulator.state import Emulator

_TAGS_MAX = 20
_KIND = "function"
_KINDS = (_KIND, "ALIYUN::FC::FUNCTION")


class Tags:
    """The operations on tags."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def tag_resources(self, request: Request) -> Response:
        """TagResources: the same tags for several functions."""
        body = Fields.parse(await request.body())
        functions = self._functions(body.text("ResourceType"), body.texts("ResourceId") or ())
        tags = read_tags(body, "Tag")
        for function in functions:
            if len(function.tags | tags) > _TAGS_MAX:
                raise invalid("Tag", f"a resource has at most {_TAGS_MAX} tags")
        for function in functions:
            function.tags |= tags
            self._account.put(function)
        return JSONResponse({"RequestId": request.state.request_id})

    async def untag_resources(self, request: Request) -> Response:
        """UntagResources: by key, or all of them."""
        query = request.query_params
        functions = self._functions(query.get("ResourceType"), json_texts(request, "ResourceId"))
        keys = json_texts(request, "TagKey")
        for function in functions:
            everything = query.get("All", "").lower() == "true"
            gone = list(function.tags) if everything else keys
            for key in gone:
                function.tags.pop(key, None)
            self._account.put(function)
        return JSONResponse({"RequestId": request.state.request_id})

    async def list_tag_resources(self, request: Request) -> Response:
        """ListTagResources: by function, by tag, or both."""
        ids, wanted = json_texts(request, "ResourceId"), json_list(request, "Tag")
        if ids:
            functions = self._functions(request.query_params.get("ResourceType"), ids)
        else:
            functions = tuple(self._account.functions.values())
        rows = [
            {
                "ResourceType": "ALIYUN::FC::FUNCTION",
                "ResourceId": self._account.arn(function.name),
                "TagKey": key,
                "TagValue": value,
            }
            for function in functions
            if has_tags(function.tags, wanted)
            for key, value in sorted(function.tags.items())
        ]
        return JSONResponse({"TagResources": rows, "RequestId": request.state.request_id})

    async def describe_regions(self, _request: Request) -> Response:
        """DescribeRegions: the one that this is."""
        region = self._account.region
        return JSONResponse({"Regions": {"Region": [{"RegionId": region, "LocalName": region}]}})

    def _functions(self, kind: str | None, ids: Sequence[str]) -> Sequence[Function]:
        if (kind or _KIND) not in _KINDS:
            raise not_emulated(f"tags of resources of type {kind!r} (emulated: {_KIND})")
        if not ids:
            raise invalid("ResourceId", "is required")
        return [self._account.function(each.rpartition("functions/")[2]) for each in ids]
