"""What the rules of a policy find in a message, strictest first.

    segment ──▶ readings ──Matcher──▶ hits ──▶ Found: rule, segment, span in the original

A rule reads a piece of text if its phase and scope cover it. Whose role or part cannot be told is
read by every rule, so that a strange role is no way around one.
"""

import re
from collections.abc import Container, Iterator, Sequence, Sized
from functools import lru_cache
from itertools import accumulate
from typing import Final, NamedTuple

from functions.deny_pattern.compiled import CompiledPolicy
from functions.policy import Part, Role, Rule, RuleAction
from functions.policy.engine import Hit, Matcher
from functions.prompt import Message, Segment, TooLarge, View
from functions.prompt.readings import Reading, look_at, plain_texts, readings
from functions.verdict import Finding, Phase
from functions.verdict.models import FINDINGS_MAX

_ROLES: Final = {role.value: role for role in Role} | {
    "function": Role.TOOL,
    "model": Role.ASSISTANT,
}
_STRICTNESS: Final = tuple(RuleAction)
# Where the known APIs keep what is neither said nor asked (RFC 6901 pointers).
_DEFINITION: Final = re.compile(
    r"(?:/input|/parameters)?/(?:tools|functions|response_format|json_schema)(?:/|$)|/text/format(?:/|$)"
)
_ARGUMENTS: Final = re.compile(r".*(?:/arguments|/content/[0-9]+/input|/partial_json)(?:/|$)")
_TEXT: Final = re.compile(
    r"/(?:messages|prompt|input|system|instructions|choices|output|content|query|suffix)(?:/|$)"
)
NO_STRINGS: Final = (View.KEY, View.LABEL, View.NUMBER, View.PATH)
"""Where nothing can be masked."""
_PLAIN_VIEWS: Final = ("plain", "normalised")
_READ_TIMES_MAX: Final = 32
"""How often a whole message is read in other ways than as it stands. What people write, code and
logs among it, has four readings, seldom ten."""
_READ_CHARS_MIN: Final = 1_000_000
_READING_CHARS: Final = 2_000
"""What a reading costs besides its characters, in characters."""
_MANY: Final = 4
"""So many pieces of text are looked at together first."""
_TOGETHER: Final = frozenset({View.PLAIN, View.KEY, View.INNER, View.PATH})
"""Not what is itself put together, where nearly always something is odd, nor numbers."""
_TOO_MUCH: Final = "the body holds more text in disguises and encodings than is read"


class Found(NamedTuple):
    """One find: the span counts characters of the segment's text; `text` is what was matched."""

    rule: Rule
    segment: Segment
    start: int
    end: int
    view: str
    text: str


def findings(found: Sequence[Found]) -> tuple[Finding, ...]:
    """What a verdict says of the first of `found`, as many as it holds: never what was found."""
    keys = {each.segment.pointer for each in found if each.segment.view is View.KEY}
    return tuple(_finding(each, keys) for each in found[:FINDINGS_MAX])


def _finding(found: Found, keys: Container[str]) -> Finding:
    # Elsewhere a span would name characters of a text that the body does not hold.
    placed = found.segment.view is View.PLAIN
    return Finding(
        rule=found.rule.id,
        category=found.rule.category,
        severity=found.rule.severity,
        pointer=_told(found.segment.pointer, keys),
        start=found.start if placed else 0,
        end=found.end if placed else 0,
        view=found.view,
    )


def _told(pointer: str, keys: Container[str]) -> str:
    """`pointer` with `*` for each step that is an object's key in which something was found."""
    steps = pointer.split("/")
    ends = accumulate(steps, lambda before, step: f"{before}/{step}")
    return "/".join("*" if end in keys else step for step, end in zip(steps, ends, strict=True))


def finds(message: Message, compiled: CompiledPolicy, phase: Phase) -> list[Found]:
    """All finds, those of denying rules first, then masking, then monitoring ones.

    Once as many denying finds are there as a verdict holds, the rest is not looked at. Raises
    `TooLarge` where more stands encoded in the message than is read.
    """
    left = 0
    gathered: _Gathered | None = None
    matcher = compiled.matcher
    segments = message.segments
    for segment in segments if len(segments) < _MANY else _in_question(segments, matcher):
        look = look_at(segment.text)
        if not look.traits and not matcher.may_hit(look.data):
            continue  # So it is with nearly all.
        readers = compiled.readers(phase, *_place(segment, compiled))
        for number, reading in enumerate(readings(segment.text, look)):
            text = reading.text.text
            if number:  # The text as it stands is always read.
                left = left or _READ_TIMES_MAX * max(_READ_CHARS_MIN, message.chars)
                left -= len(text) + _READING_CHARS
                if left <= 0:
                    raise TooLarge(_TOO_MUCH)
            hit = matcher.hits(text, readers, reading.data)
            if hit:
                gathered = gathered or _Gathered(compiled.policy.rules)
                gathered.add(segment, reading, hit)
                readers = _others(readers, hit, segment, compiled.policy.rules)
        if gathered is not None and gathered.enough:
            break
    return [] if gathered is None else gathered.found()


def _in_question(segments: Sequence[Segment], matcher: Matcher) -> Iterator[Segment]:
    """`segments` without those in which nothing is found when they are looked at together."""
    looked_at = plain_texts([each.text for each in segments if each.view in _TOGETHER])
    for each in segments:
        data = next(looked_at) if each.view in _TOGETHER else None
        if data is None or matcher.may_hit(data):
            yield each


def _others(
    readers: Sequence[bool], hits: Sequence[Hit], segment: Segment, rules: Sequence[Rule]
) -> Sequence[bool]:
    """`readers` without the rules that need not read the same text in another way.

    These are all that hit it, but those whose finds are masked one by one. Of these, too, one for
    which the rest of the text counts as found: what it would find before that in another reading,
    it finds when the masked message is read once more.
    """
    masks = segment.view not in NO_STRINGS
    done = {
        hit.rule
        for hit in hits
        if hit.rest or not masks or rules[hit.rule].action is not RuleAction.MASK
    }
    if not done:
        return readers
    return [reads and rule not in done for rule, reads in enumerate(readers)]


def _view(segment: Segment, reading: Reading) -> str:
    """How the text was come by, outermost first: `plain`, `inner-json.folded`, `base64`, …"""
    if segment.view is View.PLAIN:
        return reading.view
    if reading.view in _PLAIN_VIEWS:
        return segment.view
    return f"{segment.view}.{reading.view}"


def _place(segment: Segment, compiled: CompiledPolicy) -> tuple[Role | None, Part | None]:
    """Who says a piece of text, and which part of the message it is; None where not told."""
    if not compiled.scoped:
        return None, None
    return _ROLES.get(segment.role), _part_at(segment.view, segment.pointer)


@lru_cache(maxsize=1024)
def _part_at(view: View, pointer: str) -> Part | None:
    """Which part of the message a piece of text is, as far as the known APIs tell."""
    if view is View.PATH:
        return Part.PATH
    if view is View.KEY:
        return Part.KEY
    for pattern, part in (
        (_DEFINITION, Part.DEFINITION),
        (_ARGUMENTS, Part.ARGUMENTS),
        (_TEXT, Part.TEXT),
    ):
        if pattern.match(pointer):
            return part
    return None


class _Gathered:
    """The finds of a message, by how strict they are."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._found: list[list[Found]] = [[] for _ in _STRICTNESS]
        self._told = _Told()
        self._segment: Segment | None = None
        self._places: set[tuple[int, int, int]] = set()

    def add(self, segment: Segment, reading: Reading, hits: Sequence[Hit]) -> None:
        """Take up what one reading of a segment gave, unless it is known."""
        if segment is not self._segment:
            self._segment, self._places = segment, set()
        for hit in hits:
            rule = self._rules[hit.rule]
            fellows = self._found[_STRICTNESS.index(rule.action)]
            start, end = reading.text.span(hit.start, hit.end)
            place = (hit.rule, start, end)
            if place in self._places:
                continue
            if not self._told.nothing_new(rule, segment, reading, fellows):
                self._places.add(place)
                matched = reading.text.text[hit.start : hit.end]
                view = _view(segment, reading)
                fellows.append(Found(rule, segment, start, end, view, matched))
                self._told.add(rule, segment)

    @property
    def enough(self) -> bool:
        """Whether there are as many denying finds as a verdict holds."""
        return len(self._found[0]) >= FINDINGS_MAX

    def found(self) -> list[Found]:
        """All of them, the strictest first."""
        return [each for fellows in self._found for each in fellows]


class _Told:
    """Where each rule has found something, so that nobody looks through all finds for each one."""

    def __init__(self) -> None:
        self._at: set[tuple[str, str]] = set()
        self._below: set[tuple[str, str]] = set()

    def add(self, rule: Rule, segment: Segment) -> None:
        """Remember a find of `rule`."""
        pointer = segment.pointer
        self._at.add((rule.id, pointer))
        above = pointer.rpartition("/")[0]
        while pointer and (rule.id, above) not in self._below:
            self._below.add((rule.id, above))
            pointer, above = above, above.rpartition("/")[0]

    def nothing_new(self, rule: Rule, segment: Segment, reading: Reading, fellows: Sized) -> bool:
        """Whether one more find of `rule` would say nothing new.

        The text may have been found already: plainer, or in one of the parts of which this piece is
        made, which a masked message is read for once more. Else, of what is to be masked nothing is
        left out, nor beyond what a verdict holds.
        """
        if segment.view in (View.JOINED, View.SEAMS):
            return (rule.id, segment.pointer) in self._below
        if rule.action is RuleAction.MASK:
            return False
        if len(fellows) >= FINDINGS_MAX:
            return True
        if segment.view is View.INNER or reading.view not in _PLAIN_VIEWS:
            return (rule.id, segment.pointer) in self._at
        return False
