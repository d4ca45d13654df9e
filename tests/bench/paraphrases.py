"""How many paraphrases of injections the pack finds: `python -m tests.bench.paraphrases`.

`paraphrases.yaml` holds ideas, each in sentences of two languages. A digest of an idea's name puts
it into one of two halves: of one all sentences were looked at while rules were written, of the
other every second one. Prints the recall with Wilson's interval at 95 %.
"""

import hashlib
import sys
from pathlib import Path
from typing import Final

import yaml

from functions.deny_pattern.check import judge
from functions.verdict import Phase
from infra.cli.messages import CHAT_PATH, HOST, Form, body_of, callout_of
from infra.evaluation.counts import Count
from tests.bench.random_numbers import everything
from tests.support.streams import SEALER

_IDEAS: Final = Path(__file__).with_suffix(".yaml")
_LANGUAGES: Final = ("en", "zh")


def main() -> int:
    """Print the table."""
    policy = everything()
    callout = callout_of(Phase.REQUEST, "everything", HOST, CHAT_PATH, "")

    def found(text: str) -> bool:
        body = body_of(text.encode(), Form.TEXT, Phase.REQUEST, "user", "qwen-plus")
        findings = judge(callout, body, policy, SEALER).findings
        return any(each.category == "prompt-injection" for each in findings)

    sys.stdout.write("| sentences | language | found | recall |\n| --- | --- | --- | --- |\n")
    for what, chosen in _chosen().items():
        for language, texts in chosen.items():
            count = Count(sum(map(found, texts)), len(texts))
            low, high = count.interval
            told = f"{count.share or 0:.0%} ({low:.0%}–{high:.0%})"
            sys.stdout.write(f"| {what} | {language} | {count.hits} of {count.total} | {told} |\n")
    return 0


def _chosen() -> dict[str, dict[str, list[str]]]:
    """The sentences of each part, by language."""
    parts: dict[str, dict[str, list[str]]] = {}
    for name, idea in _ideas().items():
        whole = hashlib.sha256(name.encode()).digest()[0] % 2
        for language in _LANGUAGES:
            for number, text in enumerate(idea[language]):
                part = "looked at" if whole or number % 2 == 0 else "held out"
                parts.setdefault(part, {}).setdefault(language, []).append(text)
    return parts


def _ideas() -> dict[str, dict[str, list[str]]]:
    ideas: dict[str, dict[str, list[str]]] = yaml.safe_load(_IDEAS.read_text(encoding="utf-8"))
    return ideas


if __name__ == "__main__":
    sys.exit(main())
