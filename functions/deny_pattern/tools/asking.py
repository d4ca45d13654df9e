"""`ask`: a message a line → its verdict a line, as the function would give it.

{"folder", "cache"}                  once; `cache` may be null
{"callout": {…}, "body": base64}     → the verdict, and how many microseconds it took
"""

import base64
import json
import secrets
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from functions.deny_pattern.check import judge
from functions.deny_pattern.tools.folders import opened
from functions.prompt import model_of
from functions.runtime.sealing import Sealer
from functions.verdict import Callout, Secret


def ask(requests: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A verdict's document for each message."""
    first = next(requests)
    cache = first.get("cache")
    policies = opened(Path(first["folder"]), Path(cache) if cache else None)
    sealer = Sealer([Secret(secrets.token_urlsafe(32))])
    yield {"policies": policies.names()}
    for request in requests:
        callout = Callout.model_validate(request["callout"])
        body = base64.b64decode(request["body"])
        model = partial(model_of, body, callout.content_type, callout.content_encoding)
        began = time.perf_counter()
        verdict = judge(callout, body, policies.choose(callout, model), sealer)
        microseconds = (time.perf_counter() - began) * 1e6
        document = json.loads(verdict.model_dump_json())
        yield {"verdict": document, "microseconds": round(microseconds, 1)}
