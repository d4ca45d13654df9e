"""Policy files → compiled, immutable policies.

    <name>.yaml ──load──▶ PolicySource ──a check's own compile──▶ what it judges by
    folder      ──▶ Policies: by name, reloaded whole, the last good one kept

`engine` needs hyperscan and RE2 and is imported only by the check that matches patterns.
"""

from functions.policy.documents import PolicyError
from functions.policy.judging import (
    Category,
    CategoryAction,
    Judge,
    JudgeMode,
    Language,
    OnError,
    PromptTexts,
    Quorum,
)
from functions.policy.load import PolicySource, load
from functions.policy.model import PolicyFile, Select, Unreadable
from functions.policy.prepared import Prepared
from functions.policy.reading import read_in_child
from functions.policy.rule import Mask, Part, Role, Rule, RuleAction, RulePhase, Scope
from functions.policy.store import Policies, Watcher

__all__ = [
    "Category",
    "CategoryAction",
    "Judge",
    "JudgeMode",
    "Language",
    "Mask",
    "OnError",
    "Part",
    "Policies",
    "PolicyError",
    "PolicyFile",
    "PolicySource",
    "Prepared",
    "PromptTexts",
    "Quorum",
    "Role",
    "Rule",
    "RuleAction",
    "RulePhase",
    "Scope",
    "Select",
    "Unreadable",
    "Watcher",
    "load",
    "read_in_child",
]
