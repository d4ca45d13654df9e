"""What reading a message costs, against the standard library's parser on the same bytes."""

import json
from functools import partial
from typing import Final

from functions.prompt import normalise, read
from tests.bench.report import Report, seconds_of

_SENTENCE: Final = "请把这份合同的要点写成三句话，谢谢。Please keep it short. "


def bench(report: Report) -> None:
    """A chat body of 1 KB and 100 KB: parsed, read to segments, and normalised."""
    for size, number in ((1_000, 200), (100_000, 5)):
        text = _SENTENCE * (size // len(_SENTENCE.encode()))
        message = {"model": "m", "messages": [{"role": "user", "content": text}]}
        body = json.dumps(message, ensure_ascii=False).encode()
        parse, reading, normalising = seconds_of(
            partial(json.loads, body),
            partial(read, body, "application/json", "", "/v1/chat/completions"),
            partial(normalise, text),
            number=number,
        )
        for what, seconds in (("read", reading), ("normalise", normalising)):
            report.add(
                f"{what} {size // 1000} KB, in times of json.loads",
                f"{seconds * 1e6:.0f} µs",
                f"{parse * 1e6:.0f} µs",
                seconds / parse,
                "no goal",
            )
