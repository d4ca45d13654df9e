"""Words that were pulled apart, put together again: a reading of its own, beside the others.

    i g n o r e   a l l   ──▶  ignore all      single letters, the same separator between them
    1-1-0-1-0-5, ⑴⑴⑶⑻     ──▶  110105, 1138
    ig**no**re, ig<b>no</b>re, ig<!-- -->nore  ──▶  ignore      marks of Markdown and HTML
    ignore_all_previous_orders  ──▶  ignore all previous orders     words joined by other marks

Runs that ordinary text seldom has: six single characters at least, marks inside of a word, four
words joined by the like of an underscore.
"""

import re
from collections import Counter
from operator import itemgetter
from typing import Final

from functions.prompt.changes import Change, changed
from functions.prompt.normalise import Normalised

_INLINE: Final = (
    "a|abbr|b|bdi|bdo|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|strong|sub"
    "|sup|tt|u|var|wbr"
)
TAG: Final = rf"<!--|</?(?:{_INLINE})[ />]"
"""How a mark of HTML that breaks no word begins."""
_MARKUP: Final = re.compile(
    r"<!--[^-]{0,200}+(?:-(?!->)[^-]{0,200}+){0,16}+-->"
    rf"|</?(?:{_INLINE})(?: [^<>]{{0,200}})?/?>",
    re.DOTALL,
)
# Behind a letter or in front of one. The first character comes first, to be looked for fast.
_EMPHASIS: Final = re.compile(
    r"[*~`_](?:(?<=[^\W_].)(?:(?<=[*~`])[*~`]{0,7}|(?<=_)_{1,3})"
    r"|(?:(?<=[*~`])[*~`]{0,7}|(?<=_)_{1,3})(?=[^\W_]))"
)
_SEPARATOR: Final = r"(?:[^\w<>&%\\]|_){1,9}"
_APART: Final = re.compile(rf"(?<![^\W_])[^\W_](?:{_SEPARATOR}[^\W_](?![^\W_])){{5,}}")
_BETWEEN: Final = re.compile(r"[\W_]+")
_JOINED: Final = re.compile(r"(?<!\w)[A-Za-z]{2,20}(?:[_+./|-][A-Za-z]{2,20}){3,}(?!\w)")
_JOINT: Final = re.compile("[_+./|-]")


def closed_up(text: str) -> Normalised | None:
    """`text` with what was slipped between letters gone, and a way back; None where nothing was."""
    changes = [(*each.span(), "") for each in _MARKUP.finditer(text)]
    changes += [(*each.span(), "") for each in _EMPHASIS.finditer(text)]
    for run in _APART.finditer(text):
        changes += _separators(text, *run.span())
    for run in _JOINED.finditer(text):
        changes += [(*each.span(), " ") for each in _JOINT.finditer(text, *run.span())]
    changes.sort(key=itemgetter(0))
    return changed(text, changes)


def _separators(text: str, start: int, end: int) -> list[Change]:
    """What is to go from one run: its commonest separator, and of others what is like it.

    What stands between two of the commonest was one of the characters that were pulled apart; of
    anything else only a space stays.
    """
    found = list(_BETWEEN.finditer(text, start, end))
    betweens = [each[0] for each in found]
    if len(set(betweens)) == 1:
        return [(*each.span(), "") for each in found]
    ((commonest, _),) = Counter(betweens).most_common(1)
    changes: list[Change] = []
    for match, between in zip(found, betweens, strict=True):
        begin, stop = match.span()
        instead = ""
        if between != commonest:
            middle = between.removeprefix(commonest).removesuffix(commonest)
            parted = len(middle) == len(between) - 2 * len(commonest)
            instead = middle if parted else " " * (" " in between)
        changes.append((begin, stop, instead))
    return changes
