"""Policy files → compiled, immutable policies.

    <name>.yaml ──load──▶ PolicySource ──a check's own compile──▶ what it judges by
    folder      ──▶ Policies: by name, reloaded whole, the last good one kept

`engine` needs hyperscan and RE2 and is imported only by the check that matches patterns.
"""

from functions.policy.load import PolicyError, PolicySource, load
from functions.policy.model import (
    Category,
    Judge,
    OnError,
    PolicyFile,
    Rule,
    RuleAction,
    Unreadable,
)
from functions.policy.store import Policies, watch

__all__ = [
    "Category",
    "Judge",
    "OnError",
    "Policies",
    "PolicyError",
    "PolicyFile",
    "PolicySource",
    "Rule",
    "RuleAction",
    "Unreadable",
    "load",
    "watch",
]
