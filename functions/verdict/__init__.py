"""The contract between shim and checks: models, reasons, wire form, signature.

Imports pydantic and the standard library only; everything else in the house may import it.

    contract    header names, limits, closed sets      callout     what the shim says of a message
    reasons     why, as a closed set of codes          signature   who said it, and when
    models      Verdict and Finding                    answer      the verdict as headers and body
    keys        how keys are asked for, and sealed on their way
"""

from functions.verdict.answer import Answer, decode, encode
from functions.verdict.callout import Callout, StreamPosition
from functions.verdict.contract import Decision, Header, Phase, Severity
from functions.verdict.errors import ContractError, MalformedCallout, UnauthorisedCallout
from functions.verdict.models import Finding, Record, Verdict
from functions.verdict.reason import Reason, ReasonSpec
from functions.verdict.reasons import REASONS
from functions.verdict.signature import Secret, sign, verify

__all__ = [
    "REASONS",
    "Answer",
    "Callout",
    "ContractError",
    "Decision",
    "Finding",
    "Header",
    "MalformedCallout",
    "Phase",
    "Reason",
    "ReasonSpec",
    "Record",
    "Secret",
    "Severity",
    "StreamPosition",
    "UnauthorisedCallout",
    "Verdict",
    "decode",
    "encode",
    "sign",
    "verify",
]
