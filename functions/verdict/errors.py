"""What can be wrong with a callout before a check sees it.

    ContractError               the handler answers its status and reason, and reads nothing
    ├── MalformedCallout   400  callout.malformed
    └── UnauthorisedCallout 401 callout.unauthorised

A message names the header and what is wrong with it, never its value: a value may be a secret.
"""

from functions.verdict.reason import Reason
from functions.verdict.reasons import REASONS


class ContractError(Exception):
    """A callout that does not keep the contract. Caught once, in the handler's edge."""

    reason: Reason

    @property
    def status(self) -> int:
        """HTTP status for whoever called the function."""
        return REASONS[self.reason].status


class MalformedCallout(ContractError):
    """A header is missing, repeated or not of its form."""

    reason = Reason.CALLOUT_MALFORMED


class UnauthorisedCallout(ContractError):
    """The signature is missing, wrong or too old."""

    reason = Reason.CALLOUT_UNAUTHORISED
