"""A policy file → all that it says, with what it extends and the packs that it takes in.

    rules in force, in this order      changed by
      its own                          nothing: they are written as they should be
      those of what it extends         `overrides`, or a rule of its own with the same id
      those of its packs               the pack's `rules`, then `overrides`

Built-in packs lie beside this module; a folder of policies may hold others in `packs/`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from functions.policy.documents import Document, PolicyError, contents
from functions.policy.model import (
    RULES_MAX,
    Override,
    PackFile,
    PackUse,
    PolicyFile,
)
from functions.policy.rule import Rule
from functions.policy.wording import nearest

PACKS: Final = Path(__file__).parent / "packs"
_EXTENDS_MAX: Final = 8
"""Deeper than any organisation nests its rules, and a bound for circles."""


@dataclass(frozen=True, slots=True)
class PolicySource:
    """A policy with all its rules in force, and where each is written: `file:line`.

    `ancestry` names the policies that it extends, nearest first.
    """

    policy: PolicyFile
    file: str
    places: tuple[str, ...]
    ancestry: tuple[str, ...] = ()

    def error(self, rule: int, what: str) -> PolicyError:
        """An error about the rule of that index."""
        return PolicyError(f"{self.places[rule]}: rule {self.policy.rules[rule].id}: {what}")


def load(path: Path) -> PolicySource:
    """The policy in the file at `path`.

    Raises `PolicyError` where it, or one that it needs, cannot be read, is not plain YAML, or is
    not a policy.
    """
    resolved = _resolve(path, ())
    packed = resolved.with_packs(path.parent)
    policy, rules = resolved.policy, packed.rules
    if len(rules) > RULES_MAX:
        raise PolicyError(
            f"{path.name}: has {len(rules)} rules with its packs; at most {RULES_MAX}"
        )
    judge = policy.judge
    if judge is not None and judge.on_error is None:
        judge = judge.model_copy(update={"on_error": policy.on_error})
    whole = policy.model_copy(update={"rules": tuple(rules.values()), "judge": judge})
    places = tuple(packed.places[rule] for rule in rules)
    return PolicySource(whole, path.name, places, resolved.ancestry)


@dataclass(frozen=True, slots=True)
class _Resolved:
    """A policy on the way: its rules by id, in order, and where they are written."""

    document: Document
    policy: PolicyFile
    rules: Mapping[str, Rule]
    places: Mapping[str, str]
    ancestry: tuple[str, ...] = ()

    def with_packs(self, folder: Path) -> "_Resolved":
        """With the rules of all packs behind its own."""
        rules, places = dict(self.rules), dict(self.places)
        taken: dict[str, str] = {}
        for use in self.policy.packs:
            pack, pack_places = _pack_of(use.pack, folder, self)
            place = (*self.document.entry("packs", "pack", use.pack), "rules")
            changed = _changed(pack, use.rules, self.document, place, f"the pack {use.pack}")
            twice = next((each for each in changed if each in rules), None)
            if twice is not None:
                other = taken.get(twice, "the policy")
                what = f"{other} and the pack {use.pack} both hold a rule {twice}"
                raise self.document.error(("packs",), f"{what}; leave one of them off")
            rules |= changed
            places |= pack_places
            taken |= dict.fromkeys(changed, f"the pack {use.pack}")
        return replace(self, rules=rules, places=places)


def _resolve(path: Path, below: tuple[str, ...]) -> _Resolved:
    """The policy at `path` with all that it inherits, before packs."""
    document = Document.read(path)
    policy = document.validated(PolicyFile)
    if policy.policy != path.stem:
        what = f"holds the policy {policy.policy}; the names must agree, so rename one of them"
        raise PolicyError(f"{path.name}: {what}")
    own, places = _by_id(document, policy.rules)
    resolved = _Resolved(document, policy, own, places)
    if policy.extends is None:
        if policy.overrides:
            what = "changes inherited rules, and this policy extends none"
            raise document.error(("overrides",), f"overrides: {what}")
        return resolved
    if policy.extends in (*below, policy.policy) or len(below) >= _EXTENDS_MAX:
        chain = " → ".join((*below, policy.policy, policy.extends))
        what = f"leads in a circle or too far: {chain}"
        raise document.error(("extends",), f"extends: {what}")
    parent = path.with_name(f"{policy.extends}.yaml")
    if not parent.is_file():
        beside = [each.stem for each in path.parent.glob("*.yaml")]
        what = f"there is no {parent.name} beside this file{nearest(policy.extends, beside)}"
        raise document.error(("extends",), f"extends: {what}")
    return _inherit(resolved, _resolve(parent, (*below, policy.policy)))


def _inherit(child: _Resolved, parent: _Resolved) -> _Resolved:
    """`child` with what it leaves to `parent`."""
    said = child.policy.model_fields_set
    left = {
        name: value
        for name, value in parent.policy
        if name in parent.policy.model_fields_set
        and name not in said
        and name not in ("select", "extends", "overrides")
    }
    left["packs"] = _merged(parent.policy.packs, child.policy.packs)
    rest = {each: rule for each, rule in parent.rules.items() if each not in child.rules}
    place = ("overrides",)
    inherited = _changed(rest, child.policy.overrides, child.document, place, "what it extends")
    rules = dict(child.rules) | inherited
    policy = child.policy.model_copy(update=left)
    places = {**parent.places, **child.places}
    ancestry = (parent.policy.policy, *parent.ancestry)
    return _Resolved(child.document, policy, rules, places, ancestry)


def _merged(inherited: Iterable[PackUse], own: Iterable[PackUse]) -> tuple[PackUse, ...]:
    """All packs, each once; what the policy itself says of a rule counts."""
    uses = {use.pack: use for use in inherited}
    for use in own:
        earlier = uses.get(use.pack, use)
        uses[use.pack] = use.model_copy(update={"rules": {**earlier.rules, **use.rules}})
    return tuple(uses.values())


def _changed(
    rules: Mapping[str, Rule],
    overrides: Mapping[str, Override | bool | str],
    document: Document,
    place: tuple[int | str, ...],
    where: str,
) -> dict[str, Rule]:
    """`rules` with the overrides at `place` applied; those that are off left out."""
    unknown = next((each for each in overrides if each not in rules), None)
    if unknown is not None:
        what = f"{where} holds no rule {unknown} to override{nearest(unknown, rules)}"
        raise document.error((*place, unknown), what)
    changed: dict[str, Rule] = {}
    for name, rule in rules.items():
        override = overrides.get(name)
        if override is None:
            changed[name] = rule
        elif isinstance(override, Override):
            try:
                changed[name] = override.applied(rule)
            except ValidationError as error:
                what = error.errors()[0]["msg"].removeprefix("Value error, ")
                raise document.error((*place, name), f"override of {name}: {what}") from None
    return changed


def _pack_of(
    name: str, folder: Path, user: _Resolved
) -> tuple[Mapping[str, Rule], Mapping[str, str]]:
    """The rules of a pack and their places."""
    own, built_in = folder / "packs" / f"{name}.yaml", PACKS / f"{name}.yaml"
    if own.is_file() and built_in.is_file():
        raise PolicyError(f"packs/{own.name}: a built-in pack has this name; choose another")
    path = own if own.is_file() else built_in
    if not path.is_file():
        known = sorted(each.stem for each in (*PACKS.glob("*.yaml"), *own.parent.glob("*.yaml")))
        hint = nearest(name, known) or f"; known are {', '.join(known)}"
        at = user.document.entry("packs", "pack", name)
        raise user.document.error(at, f"packs: there is no pack {name}{hint}")
    return load_pack(path, contents(path))


@lru_cache(maxsize=32)
def load_pack(path: Path, data: bytes) -> tuple[Mapping[str, Rule], Mapping[str, str]]:
    """The rules of the pack file that holds `data`, and their places. Raises `PolicyError`."""
    document = Document(f"packs/{path.name}", data)
    pack = document.validated(PackFile)
    if pack.pack != path.stem:
        what = f"holds the pack {pack.pack}; the names must agree, so rename one of them"
        raise PolicyError(f"{document.file}: {what}")
    for index, rule in enumerate(pack.rules):
        if rule.source is None:
            what = f"rule {rule.id}: names no source; a pack's rules need one"
            raise document.error(("rules", index), what)
    return _by_id(document, pack.rules)


def _by_id(document: Document, rules: Sequence[Rule]) -> tuple[dict[str, Rule], dict[str, str]]:
    """A file's rules and their places. Raises `PolicyError` for an id that stands twice."""
    found: dict[str, Rule] = {}
    places: dict[str, str] = {}
    for index, rule in enumerate(rules):
        if rule.id in found:
            what = f"rule {rule.id}: the id stands at {places[rule.id]} already; choose another"
            raise document.error(("rules", index), what)
        found[rule.id] = rule
        places[rule.id] = f"{document.file}:{document.line(('rules', index))}"
    return found, places
