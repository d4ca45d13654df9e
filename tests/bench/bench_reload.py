"""What calls of deny-pattern wait for while its policies are read anew, and beside a hostile body.

quiet     one call each 2 ms, and nothing else
reload    the same while a policy is written, compiled in a child, and taken up
hostile   the same while others send bodies of 1 MB that are hard to read, one after another
"""

import json
import socket
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from time import perf_counter, sleep
from typing import Final, Self

from functions.policy.load import PACKS
from functions.verdict.contract import VERDICT_PATH
from tests.bench.hostile import bodies
from tests.bench.report import Report
from tests.bench.rule_sets import rules, text
from tests.functions.running import Function, callout, chat, running, signed

_HANDLER: Final = "functions.deny_pattern.handler"
_PAUSE_SECONDS: Final = 0.002
_QUIET_CALLS: Final = 1500
_SECONDS_MAX: Final = 90.0
_END_OF_HEAD: Final = b"\r\n\r\n"
_HOSTILE: Final = "short hexadecimal words"
_HOSTILE_BODIES: Final = 3


def bench(report: Report) -> None:
    """Three rows of the function's answers, and one of how long a reload takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        policy = folder / "policies" / "default.yaml"
        policy.parent.mkdir()
        _write(policy, "first")
        settings = {"MESHWARD_POLICY_DIR": str(policy.parent)}
        with (
            redirect_stdout(StringIO()),
            running(_HANDLER, folder / "log", settings) as function,
            _Caller(function) as caller,
        ):
            caller.turns(_count(_QUIET_CALLS))
            quiet = caller.turns(_count(_QUIET_CALLS))
            start = perf_counter()
            _write(policy, "second")
            reload = caller.turns(_until(lambda: len(function.lines("policies loaded")) > 1))
            taken = perf_counter() - start
            hostile = _beside_hostile_bodies(function, caller)
    _add(report, "quiet", quiet, quiet)
    _add(report, "while 2,000 rules are read anew", reload, quiet)
    _add(report, f"beside 1 MB of {_HOSTILE}, again and again", hostile, quiet)
    report.add("from a changed file to its rules in force", f"{taken:.1f} s", "", None, "no goal")


def _add(report: Report, what: str, turns: Sequence[float], quiet: Sequence[float]) -> None:
    for share in (0.5, 0.99, 1.0):
        mine, baseline = _at(turns, share), _at(quiet, share)
        name = "longest" if share == 1 else f"p{share * 100:.0f}"
        report.add(
            f"a call of 1 KB, {what}, {name} of {len(turns)}",
            f"{mine * 1e3:.2f} ms",
            f"{baseline * 1e3:.2f} ms",
            mine / baseline,
            "no goal",
        )


def _at(turns: Sequence[float], share: float) -> float:
    ordered = sorted(turns)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _count(calls: int) -> Callable[[int], bool]:
    return lambda done: done < calls


def _until(over: Callable[[], bool]) -> Callable[[int], bool]:
    """Goes on until something is over, looking now and then; raises after `_SECONDS_MAX`."""
    start = perf_counter()

    def goes_on(done: int) -> bool:
        if perf_counter() - start > _SECONDS_MAX:
            raise TimeoutError("what was waited for did not happen")
        return done % 50 != 0 or not over()

    return goes_on


def _beside_hostile_bodies(function: Function, caller: "_Caller") -> list[float]:
    body = next(body for name, body in bodies() if name == _HOSTILE)

    def send() -> None:
        for _ in range(_HOSTILE_BODIES):
            function.ask(body, deadline_ms=10_000)

    sender = threading.Thread(target=send)
    sender.start()
    turns = caller.turns(lambda _: sender.is_alive())
    sender.join()
    return turns


class _Caller:
    """One connection that asks for verdicts and notes how long each takes."""

    def __init__(self, function: Function) -> None:
        url = function.client.base_url
        self._socket = socket.create_connection((url.host, url.port or 0), timeout=_SECONDS_MAX)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def turns(self, goes_on: Callable[[int], bool]) -> list[float]:
        """The seconds of each call, as long as `goes_on`, asked with their number, says so."""
        request = _request()
        found: list[float] = []
        while goes_on(len(found)):
            start = perf_counter()
            self._socket.sendall(request)
            head = b""
            while _END_OF_HEAD not in head:
                head += self._socket.recv(65536)
            found.append(perf_counter() - start)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.partition(b"\r\n")[0].decode("latin-1"))
            sleep(_PAUSE_SECONDS)
        return found


def _request() -> bytes:
    body = chat(text("en", 900))
    lines = [f"POST {VERDICT_PATH} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in signed(callout(), body)]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _write(path: Path, description: str) -> None:
    """A policy of all packs and as many made rules as make 2,000; put in place at once."""
    packs = [{"pack": each.stem} for each in sorted(PACKS.glob("*.yaml"))]
    made = [rule for rule in rules(2000) if rule.id.startswith("made-")]
    document = {
        "policy": "default",
        "description": description,
        "packs": packs,
        "rules": [_as_written(rule.match.model_dump(mode="json"), rule.id) for rule in made],
    }
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML.
    fresh.replace(path)


def _as_written(match: dict[str, object], name: str) -> dict[str, object]:
    return {
        "id": name,
        "why": "a bench",
        "category": "bench",
        "message": "found",
        "match": {key: value for key, value in match.items() if value},
        "examples": {"find": [_example(match)], "pass": ["nothing of it"]},
    }


def _example(match: dict[str, object]) -> str:
    """A text that a made rule finds: its first word, or its prefix and twenty letters."""
    words = match["words"]
    if isinstance(words, list) and words:
        return str(words[0])
    return f"{str(match['regex'])[2:8]}_{'a1' * 10}"
