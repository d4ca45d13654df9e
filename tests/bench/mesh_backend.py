"""The provider and the checks of the mesh bench: an Envoy that always answers the same, at once.

    provider ──▶ 200, a short completion          check ──▶ allow
                                                  slow  ──▶ allow, after SLOW_MS

It reads each body whole before it answers; an answer that came earlier would cost its connection.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from infra.ports import free_port

SLOW_MS: Final = 2
"""About what a warm function takes: the network inside a region, and a rule or two."""
_BODY_BYTES_MAX: Final = 4 * 1024 * 1024
_FILTERS: Final = "type.googleapis.com/envoy.extensions.filters"
_COMPLETION: Final = {
    "id": "chatcmpl-0",
    "object": "chat.completion",
    "model": "qwen-plus",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Fine, thank you. " * 10},
        }
    ],
    "usage": {"prompt_tokens": 200, "completion_tokens": 50, "total_tokens": 250},
}
_ALLOW: Final = {
    "x-meshward-contract": "1",
    "x-meshward-verdict": "allow",
    "x-meshward-reason": "rule.none",
    "x-meshward-revision": "0123456789abcdef",
    "x-meshward-cache-seconds": "60",
}


@dataclass(frozen=True, slots=True)
class Backend:
    """Where provider and checks listen on loopback."""

    provider: int
    check: int
    slow: int

    @classmethod
    def on_free_ports(cls) -> "Backend":
        """Three ports that nobody has."""
        return cls(free_port().number, free_port().number, free_port().number)

    def bootstrap(self) -> dict[str, Any]:
        """Envoy's configuration."""
        admin = {"address": _address(free_port().number)}
        completion = json.dumps(_COMPLETION)
        listeners = [
            _listener(self.provider, {"content-type": "application/json"}, completion, 0),
            _listener(self.check, _ALLOW, "", 0),
            _listener(self.slow, _ALLOW, "", SLOW_MS),
        ]
        return {"admin": admin, "static_resources": {"listeners": listeners}}


def _listener(port: int, headers: dict[str, str], body: str, after_ms: int) -> dict[str, Any]:
    answer: dict[str, Any] = {"status": 200}
    if body:
        answer["body"] = {"inline_string": body}
    route = {"match": {"prefix": "/"}, "direct_response": answer}
    host = {
        "name": "any",
        "domains": ["*"],
        "routes": [route],
        "response_headers_to_add": [
            {
                "header": {"key": name, "value": value},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
            for name, value in headers.items()
        ],
    }
    delay = {"delay": {"fixed_delay": f"{after_ms / 1000}s", "percentage": {"numerator": 100}}}
    filters = [
        _filter("buffer", {"max_request_bytes": _BODY_BYTES_MAX}),
        *([_filter("fault", delay)] if after_ms else []),
        _filter("router", {}),
    ]
    kind = "http_connection_manager"
    manager = {
        "@type": f"{_FILTERS}.network.{kind}.v3.HttpConnectionManager",
        "stat_prefix": "backend",
        "generate_request_id": False,
        "route_config": {"virtual_hosts": [host]},
        "http_filters": filters,
    }
    chain = {"filters": [{"name": f"envoy.filters.network.{kind}", "typed_config": manager}]}
    return {
        "name": str(port),
        "address": _address(port),
        "filter_chains": [chain],
        "per_connection_buffer_limit_bytes": _BODY_BYTES_MAX,
    }


def _filter(name: str, config: dict[str, Any]) -> dict[str, Any]:
    kinds = {"buffer": "Buffer", "fault": "HTTPFault", "router": "Router"}
    return {
        "name": f"envoy.filters.http.{name}",
        "typed_config": {"@type": f"{_FILTERS}.http.{name}.v3.{kinds[name]}", **config},
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
