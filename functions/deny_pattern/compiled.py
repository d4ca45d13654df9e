"""A policy ready to judge by: its rules compiled, each held to its own examples."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from functions.policy import Part, PolicyFile, PolicySource, Role, Rule
from functions.policy import engine as engines
from functions.policy.prepared import Prepared
from functions.prompt import fold, normalise
from functions.prompt.readings import readings
from functions.verdict import Phase, Reason, Verdict

NAME: Final = "deny-pattern"
ENGINE: Final = f"{engines.VERSION}, unicode {unicodedata.unidata_version}"
"""What a verdict depends on besides the policy."""
_SHOWN_CHARS: Final = 60
"""Of an example in an error: enough to find it in its file."""

_Readers = dict[tuple[Phase, Role | None, Part | None], tuple[bool, ...]]
_Allowances = dict[tuple[Phase, str, Reason], Verdict]


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A policy, its matcher, and which of its rules read what."""

    policy: PolicyFile
    revision: str
    matcher: engines.Matcher
    scoped: bool = False
    """Whether any rule reads some roles or parts only."""
    allowances: _Allowances = field(default_factory=dict, repr=False, compare=False)
    """The verdicts that let a message through in which nothing was found: they are all alike."""
    _readers: _Readers = field(default_factory=dict, repr=False, compare=False)

    def readers(self, phase: Phase, role: Role | None, part: Part | None) -> Sequence[bool]:
        """For each rule, whether it reads text of that role and part in that phase."""
        key = (phase, role, part)
        readers = self._readers.get(key)
        if readers is None:
            readers = tuple(
                rule.phase.covers(phase) and rule.scope.covers(role, part)
                for rule in self.policy.rules
            )
            self._readers[key] = readers
        return readers


@dataclass(frozen=True, slots=True)
class Trial:
    """An example of a rule, its `kind` (`find` or `pass`), and whether the rule found it."""

    kind: str
    example: str
    found: bool

    @property
    def passed(self) -> bool:
        """Whether the rule does what the example says."""
        return self.found == (self.kind == "find")

    @property
    def complaint(self) -> str:
        """What is wrong, for whoever wrote the rule."""
        said = "is found, and must not be" if self.found else "is not found"
        return f"examples.{self.kind}: {self.example[:_SHOWN_CHARS]!r} {said}"


def compile_policy(source: PolicySource, revision: str) -> CompiledPolicy:
    """Compile a policy's rules and hold each to its own examples.

    Raises `PolicyError` for a pattern that an engine refuses and for an example that does not do
    what it says.
    """
    rules = source.policy.rules
    try:
        matcher = engines.Matcher(rules, forms)
    except engines.PatternError as error:
        raise source.error(error.rule, str(error)) from None
    for index, rule in enumerate(rules):
        wrong = next((each for each in trials(matcher, index, rule) if not each.passed), None)
        if wrong is not None:
            raise source.error(index, wrong.complaint)
    return ready(source.policy, revision, matcher)


def take_up(prepared: Prepared) -> CompiledPolicy:
    """A policy that was prepared, or compiled now where its data is of no use here.

    Raises `PolicyError` like `compile_policy`.
    """
    source, revision = prepared.source, prepared.revision
    if prepared.data:
        try:
            matcher = engines.Matcher(source.policy.rules, forms, serialised=prepared.data)
        except engines.ForeignDatabase:
            return compile_policy(source, revision)
        return ready(source.policy, revision, matcher)
    return compile_policy(source, revision)


def ready(policy: PolicyFile, revision: str, matcher: engines.Matcher) -> CompiledPolicy:
    """A policy with the matcher of its rules, whose examples have been tried."""
    scoped = any(rule.scope.roles or rule.scope.parts for rule in policy.rules)
    return CompiledPolicy(policy, revision, matcher, scoped)


def forms(word: str) -> Sequence[str]:
    """How a word looks in the readings of a text: normalised, and folded where that differs."""
    normalised = normalise(word).text
    folded = fold(normalised)
    return (normalised,) if folded is None else (normalised, folded.text)


def trials(matcher: engines.Matcher, index: int, rule: Rule) -> Iterator[Trial]:
    """What the rule of that index does with each of its own examples."""
    only = [each == index for each in range(matcher.rules)]
    for kind, examples in (("find", rule.examples.find), ("pass", rule.examples.pass_)):
        for example in examples:
            found = any(matcher.hits(each.text.text, only) for each in readings(example))
            yield Trial(kind, example, found)
