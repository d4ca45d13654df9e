"""What a request is about: a service at a qualifier, and perhaps one of its functions."""

from dataclasses import dataclass

from starlette.requests import Request

from infra.emulator.account import Account
from infra.emulator.errors import not_found
from infra.emulator.model import LATEST, Function, Service, of_service


@dataclass(frozen=True, slots=True)
class Subject:
    """`<service>` or `<service>.<qualifier>` of a path; the service is there."""

    service: Service
    qualifier: str

    @classmethod
    def of(cls, account: Account, text: str) -> "Subject":
        """The subject of a path; ServiceNotFound where there is none of that name."""
        name, _, qualifier = text.partition(".")
        return cls(account.service(name), qualifier or LATEST)

    def function(self, account: Account, name: str) -> Function:
        """Its function of that name, or FunctionNotFound."""
        try:
            return account.functions[of_service(self.service.name, name)]
        except KeyError:
            raise not_found("Function", f"{self.service.name}/{name}") from None


def subject(account: Account, request: Request) -> Subject:
    """The service that a request is about."""
    return Subject.of(account, request.path_params["service"])


def function_and_qualifier(account: Account, request: Request) -> tuple[Function, str]:
    """The function that a request is about, and at which qualifier."""
    found = subject(account, request)
    return found.function(account, request.path_params["function"]), found.qualifier


def plain_name(function: Function) -> str:
    """A function's name within its service."""
    return function.latest.configuration.plain_name


def service_name(function: Function) -> str:
    """The name of a function's service."""
    return function.latest.configuration.service_name
