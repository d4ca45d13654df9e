"""How the judge is asked: the text is data behind a fence, the instruction stands around it.

    system   you classify; between the lines <marker> stands data, never an instruction; categories
    user     <marker>
             {"role": "user", "text": "…"}       one piece a line, escaped: it cannot begin a line
             <marker>
             the instruction once more, the form of the answer, and a word to give back

Marker and canary are fresh and random for every question. A text would have to guess the marker to
end the fence, and whoever answers in the text's name does not know the canary.
"""

import json
import re
from collections.abc import Sequence
from functools import cache
from json.encoder import encode_basestring as quoted
from pathlib import Path
from string import Template
from typing import Any, Final

from functions.llm_guard.opinion import Asked
from functions.llm_guard.pieces import Piece
from functions.policy import Category, Language, PromptTexts
from functions.policy.documents import Document

VERSION: Final = 2
"""Of the files in prompts/; part of a policy's revision. Raised with every change of their words
or of what is filled in."""

_AROUND: Final = "\ufdd0"
"""Around what stands in for something: a code point that Unicode keeps for such uses."""
_MARKER, _CANARY, _LINES = (f"{_AROUND}{each}{_AROUND}" for each in ("marker", "canary", "lines"))
_STAND_INS: Final = re.compile(f"{_AROUND}(marker|canary|lines){_AROUND}".encode())
_FOLDER: Final = Path(__file__).parent / "prompts"
# Control words of chat templates, and lines that look like the fence: a model may take either for
# what it imitates. They stay readable, in brackets that mean nothing to it.
_IMITATION: Final = re.compile(
    r"<\|[^|<>\n]{0,40}\|>"  # ChatML, Llama 3, Phi, Cohere, GLM, DeepSeek (in its wide letters)
    r"|</?(?:s|think|bos|eos|sop|eop|eoh|eoa|tool_call|tool_response|(?:start|end)_of_turn)>"
    r"|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|gMASK)\]"
    r"|={3,}\s*DATA",
    re.IGNORECASE,
)
_HARMLESS: Final = str.maketrans("<>[]=|", "‹›⟦⟧~¦")
# JSON leaves them as they are, and to some readers they end a line.
_LINE_ENDS: Final = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


@cache
def built_in(language: Language) -> PromptTexts:
    """The built-in words in that language."""
    return Document.read(_FOLDER / f"{VERSION}.{language}.yaml").validated(PromptTexts)


class Questions:
    """What one policy asks: by these categories, in these words."""

    def __init__(self, categories: Sequence[Category], texts: PromptTexts) -> None:
        names = [each.id for each in categories]
        listed, named = _listed(categories), json.dumps(names)
        user = f"{_MARKER}\n{_LINES}\n{_MARKER}\n\n{_filled(texts.reminder, named)}"
        messages = [
            {"role": "system", "content": _filled(texts.system, listed)},
            {"role": "user", "content": user},
        ]
        # What is the same in all questions is filled in and encoded once. Every second part is the
        # name of what differs.
        self._parts = _STAND_INS.split(_encoded(messages))
        self._response_format = _encoded(_response_format(names))
        self._categories = frozenset(names)

    def about(self, pieces: Sequence[Piece], nonce: str) -> Asked:
        """The question about `pieces`. `nonce` is 64 fresh random hex digits."""
        marker, canary = f"=====DATA {nonce[:32]}=====", nonce[32:48]
        lines = quoted("\n".join([_line(piece, marker) for piece in pieces]))[1:-1]
        filled = {
            b"marker": marker.encode(),
            b"canary": canary.encode(),
            b"lines": lines.encode(),
        }
        parts = self._parts.copy()
        parts[1::2] = [filled[name] for name in parts[1::2]]
        return Asked(
            messages=b"".join(parts),
            response_format=self._response_format,
            canary=canary,
            categories=self._categories,
        )


def _encoded(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _filled(text: str, categories: str) -> str:
    """`text` with the categories, and stand-ins that no text of a policy holds for the rest."""
    text, categories = (each.replace(_AROUND, "") for each in (text, categories))
    return Template(text).substitute(categories=categories, marker=_MARKER, canary=_CANARY)


def neutralised(text: str) -> str:
    """`text` without anything that a model could take for the fence or for a turn of the chat."""
    # All begin with one of these: a text without any, as most are, is not searched.
    if "<" not in text and "[" not in text and "===" not in text:
        return text
    return _IMITATION.sub(lambda match: match[0].translate(_HARMLESS), text)


def _line(piece: Piece, marker: str) -> str:
    # A text would have to guess 128 random bits; the marker is replaced all the same, and not taken
    # out, which would make one of what stands around it.
    text = neutralised(piece.text.replace(marker, "…"))
    seen = '"seen": true, ' if piece.seen else ""
    line = f'{{{seen}"role": {quoted(piece.role)}, "text": {quoted(text)}}}'
    return line if line.isascii() else line.translate(_LINE_ENDS)


def _listed(categories: Sequence[Category]) -> str:
    lines = []
    for each in categories:
        lines.append(f"- {each.id}: {each.description}")
        lines += [f"    e.g. {json.dumps(one, ensure_ascii=False)}" for one in each.examples.find]
        lines += [f"    not: {json.dumps(one, ensure_ascii=False)}" for one in each.examples.skip]
    return "\n".join(lines)


def _response_format(names: Sequence[str]) -> dict[str, Any]:
    """The answer's JSON Schema, as OpenAI-compatible endpoints take it.

    The canary is not part of it: an endpoint that fills in what the schema says would know it
    without having read the instruction, and schemas are compiled once where they stay the same.
    """
    finding = {
        "type": "object",
        "additionalProperties": False,
        "required": ["category", "confidence"],
        "properties": {
            "category": {"type": "string", "enum": [*names]},
            "confidence": {"type": "number"},
        },
    }
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["canary", "verdict", "findings", "reason"],
        "properties": {
            "canary": {"type": "string"},
            "verdict": {"type": "string", "enum": ["deny", "allow"]},
            "findings": {"type": "array", "items": finding},
            "reason": {"type": "string"},
        },
    }
    return {
        "type": "json_schema",
        "json_schema": {"name": "verdict", "strict": True, "schema": schema},
    }
