"""docs/policies.md: its policy loads, and what it lists is what there is."""

import re
from pathlib import Path

from functions.deny_pattern.check import compile_policy
from functions.deny_pattern.tools import linting
from functions.policy import load
from functions.policy.model import PolicyFile
from functions.policy.rule import Match, Part, Role, Rule
from functions.runtime.settings import POLICIES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")


def test_the_policy_on_the_page_loads_and_its_examples_hold(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(policy:.*?)```", PAGE, re.DOTALL)
    (tmp_path / "shop.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "default.yaml").write_bytes((POLICIES / "default.yaml").read_bytes())
    compiled = compile_policy(load(tmp_path / "shop.yaml"), "tested")
    assert [rule.id for rule in compiled.policy.rules][:2] == ["falcon", "account-word"]


def test_every_field_of_policies_and_rules_is_on_the_page() -> None:
    fields = {*PolicyFile.model_fields, *Rule.model_fields, *Match.model_fields}
    assert sorted(field for field in fields if not re.search(rf"\b{field}\b", PAGE)) == []
    assert [role for role in (*Role, *Part) if role not in PAGE] == []


def test_every_code_of_lint_is_on_the_page_and_in_the_module() -> None:
    told = re.findall(r"^\| `([a-z-]+)` \|", PAGE.partition("| `lint` says |")[2], re.MULTILINE)
    named = re.findall(r"^([a-z-]+) {2,}", linting.__doc__ or "", re.MULTILINE)
    made = re.findall(r'(?:yield|Remark\()\s*"([a-z-]+)"', Path(linting.__file__).read_text())
    assert told == named == sorted(set(made))
