"""The platform's errors: a code, a status and a message, in the shape that its SDKs read.

FcError          raised by account, pools, access and dialects; answered at the edge
FunctionError    raised by the data plane where the function, not the request, is at fault
"""

import json
from dataclasses import dataclass
from typing import Any


@dataclass
class FcError(Exception):
    """An error as Function Compute reports it. Codes are those of its documentation."""

    status: int
    code: str
    message: str

    def document(self, request_id: str) -> dict[str, Any]:
        """The error body: every spelling, since the platform's pages and SDKs differ."""
        return {
            "RequestId": request_id,
            "Code": self.code,
            "Message": self.message,
            "ErrorCode": self.code,
            "ErrorMessage": self.message,
            "errorCode": self.code,
            "errorMessage": self.message,
        }


class FunctionError(Exception):
    """The function broke: its process ended, or it took too long. Worded for the caller."""

    def __init__(self, status: int, kind: str, message: str, told: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self._told = told
        """What the function's runtime tells of it already, as JSON."""

    def body(self, request_id: str) -> bytes:
        """The body that tells of it, as the platform words it."""
        document = {"requestId": request_id, "errorType": self.kind, "errorMessage": str(self)}
        return self._told or json.dumps(document).encode()


def invalid(field: str, what: str) -> FcError:
    """400: a field of a request that does not fit."""
    return FcError(400, "InvalidArgument", f"{field}: {what}")


def not_found(kind: str, name: str) -> FcError:
    """404: `kind` is Function, Trigger, …"""
    return FcError(404, f"{kind}NotFound", f"{kind.lower()} '{name}' does not exist")


def exists(kind: str, name: str) -> FcError:
    """409: a name that is taken."""
    return FcError(409, f"{kind}AlreadyExists", f"{kind.lower()} '{name}' already exists")


def too_large(bytes_max: int) -> FcError:
    """400: a payload beyond what an invocation takes."""
    what = f"payload size exceeds maximum allowed size ({bytes_max} bytes)"
    return FcError(400, "EntityTooLarge", what)


def unavailable(what: str, error: Exception) -> FcError:
    """503: this machine does not give what is needed, such as room on its disk."""
    return FcError(503, "ServiceUnavailable", f"{what}: {error}")


def not_emulated(operation: str) -> FcError:
    """501: something of the platform that has no counterpart here."""
    where = "docs/emulator-coverage.md tells what is"
    return FcError(501, "NotEmulated", f"{operation} is not emulated; {where}")
