"""An event function: what it does depends on the event."""

from __future__ import annotations

import base64
import json
import logging
import os
import sys
from typing import Any

STARTED: list[str] = []


def initialize(context: Any) -> None:
    STARTED.append(context.request_id)


def handler(event: bytes, context: Any) -> object:
    asked = json.loads(event)
    if "requestContext" in asked:
        return answer(asked)
    logging.getLogger().info("asked to %s", asked["do"])
    if asked["do"] == "fail":
        raise ValueError("told to fail")
    if asked["do"] == "exit":
        sys.exit(3)
    if asked["do"] == "bytes":
        return b"\x00\xff"
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "name": context.function.name,
        "memory": context.function.memory,
        "request_id": context.request_id,
        "credentials": hasattr(context, "credentials"),
        "key": os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        "initialized": len(STARTED),
    }


def answer(event: dict[str, Any]) -> object:
    body = event["body"]
    if event["isBase64Encoded"]:
        body = base64.b64decode(body).decode("latin-1")
    if event["rawPath"] == "/fail":
        raise KeyError("missing")
    if event["rawPath"] == "/plain":
        return {"hello": body}
    seen = {"method": event["requestContext"]["http"]["method"], "body": body}
    seen["query"] = event["queryParameters"]
    return {"statusCode": 201, "headers": {"x-own": "1"}, "body": json.dumps(seen)}
