"""Policy files → compiled, immutable policies.

    <name>.yaml ──load──▶ PolicyFile (checked, examples and all) ──engine──▶ Matcher
    folder      ──▶ Policies: by name, reloaded whole, the last good one kept

`engine` needs hyperscan and RE2 and is imported only by the check that matches patterns.
"""

from functions.policy.load import PolicyError, load
from functions.policy.model import (
    Category,
    Judge,
    OnError,
    PolicyFile,
    Rule,
    RuleAction,
    Unreadable,
)
from functions.policy.store import Policies

__all__ = [
    "Category",
    "Judge",
    "OnError",
    "Policies",
    "PolicyError",
    "PolicyFile",
    "Rule",
    "RuleAction",
    "Unreadable",
    "load",
]
