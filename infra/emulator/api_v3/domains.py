"""Custom domains: routes of a host of one's own to functions."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.emulator.account import Account
from infra.emulator.api_v3.fields import Fields, page
from infra.emulator.errors import exists, not_emulated
from infra.emulator.model import METHODS, CustomDomain, Path
from infra.emulator.state import Emulator

_KEPT: Final = ("authConfig", "corsConfig", "routeConfig", "tlsConfig", "wafConfig", "certConfig")


class Domains:
    """The operations on custom domains."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def create_custom_domain(self, request: Request) -> Response:
        """CreateCustomDomain: no record of the name service is asked for."""
        domain = domain_of(Fields.parse(await request.body()), None, self._emulator.clock.text())
        if domain.name in self._account.domains:
            raise exists("DomainName", domain.name)
        return self._answer(self._account.put_domain(domain), 201)

    async def get_custom_domain(self, request: Request) -> Response:
        """GetCustomDomain."""
        return self._answer(self._found(request))

    async def list_custom_domains(self, request: Request) -> Response:
        """ListCustomDomains."""
        domains = self._account.domains
        names, more = page(request, sorted(domains))
        told = [document(domains[name], self._account) for name in names]
        return JSONResponse({"customDomains": told, **more})

    async def update_custom_domain(self, request: Request) -> Response:
        """UpdateCustomDomain: what the request leaves out stays."""
        body, known = Fields.parse(await request.body()), self._found(request)
        domain = domain_of(body, known, self._emulator.clock.text())
        return self._answer(self._account.put_domain(domain))

    async def delete_custom_domain(self, request: Request) -> Response:
        """DeleteCustomDomain."""
        self._account.delete_domain(self._found(request).name)
        return Response(status_code=204)

    def _found(self, request: Request) -> CustomDomain:
        return self._account.domain(request.path_params["domain_name"])

    def _answer(self, domain: CustomDomain, status: int = 200) -> Response:
        return JSONResponse(document(domain, self._account), status)


def domain_of(body: Fields, known: CustomDomain | None, moment: str) -> CustomDomain:
    """A domain from a request; what it leaves out stays as `known` has it."""
    given = {name: value for name, value in body.rest().items() if name in _KEPT and value}
    kept = {**(known.document if known else {}), **given}
    certificate = kept.get("certConfig")
    if isinstance(certificate, dict):
        # A key is not told again, and not used here: it is not kept.
        kept["certConfig"] = {k: v for k, v in certificate.items() if k != "privateKey"}
    return CustomDomain(
        name=known.name if known else body.required_text("domainName").lower(),
        protocol=body.text("protocol") or (known.protocol if known else "HTTP"),
        routes=_routes(Fields(kept).object("routeConfig")),
        created=known.created if known else moment,
        modified=moment,
        document=kept,
    )


def _routes(config: Fields) -> tuple[Path, ...]:
    found = []
    for route in config.objects("routes"):
        if any(route.object("rewriteConfig").rest().values()):
            raise not_emulated("routeConfig.routes.rewriteConfig of a custom domain")
        function = route.required_text("functionName")
        if service := route.text("serviceName"):
            function = f"{service}${function}"
        found.append(
            Path(
                pattern=route.required_text("path"),
                function=function,
                qualifier=route.text("qualifier") or "",
                methods=route.texts("methods") or METHODS,
            )
        )
    return tuple(found)


def document(domain: CustomDomain, account: Account) -> dict[str, Any]:
    """A domain as the API tells it."""
    return {
        **domain.document,
        "accountId": account.account_id,
        "domainName": domain.name,
        "protocol": domain.protocol,
        "apiVersion": "2023-03-30",
        "createdTime": domain.created,
        "lastModifiedTime": domain.modified,
    }
