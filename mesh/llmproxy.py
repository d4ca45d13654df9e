"""Reads the `WasmPlugin` of ASM's LLMProxy, and makes this project's manifests of it.

    WasmPlugin: hosts, api_key, allow_patterns, deny_patterns, intelligent_guard
        ├──▶ Plugin: what it says, keys left out
        └──▶ manifests: provider, checks and shim, for the same workloads and hosts

What the plugin does with its configuration is read in its source: AliyunContainerService/asm-labs,
wasm-llm-proxy/pkg/llmproxy, commit 4e8bb67.
"""

import copy
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from mesh.sidecar import ManifestError

_KEYS: Final = ("hosts", "api_key", "allow_patterns", "deny_patterns", "intelligent_guard")
_GUARD_KEYS: Final = ("host", "port", "path", "model", "api_key")
_TEMPLATE_HOST: Final = "dashscope.aliyuncs.com"
_TEMPLATE_NAME: Final = "dashscope"
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_LEFT_OUT: Final = frozenset({"Deployment", "ServiceAccount"})
_GUARD_PATH: Final = "/compatible-mode/v1/chat/completions"
_GUARD_MODEL: Final = "qwen-turbo"
_COMPLETIONS: Final = "/chat/completions"


@dataclass(frozen=True, slots=True)
class Guard:
    """The plugin's private LLM, with the plugin's own defaults filled in; its key is left out."""

    host: str
    port: int
    path: str
    model: str

    @property
    def base_url(self) -> str:
        """As a judge's base URL; the function calls it from outside of the mesh, over TLS."""
        port = "" if self.port in (80, 443) else f":{self.port}"
        return f"https://{self.host}{port}{self.path.removesuffix(_COMPLETIONS)}"


@dataclass(frozen=True, slots=True)
class Plugin:
    """What an LLMProxy plugin says; `has_key` tells that a key stands in its file."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    hosts: Sequence[str]
    deny: Sequence[str]
    allow: Sequence[str]
    guard: Guard | None
    has_key: bool


def read(path: Path) -> Plugin:
    """The plugin in a file of manifests. Raises `ManifestError` where there is not just one."""
    try:
        documents = list(yaml.safe_load_all(path.read_bytes()))
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise ManifestError(f"{path}{line}: is not YAML in UTF-8") from None
    plugins = [each for each in documents if _is_plugin(each)]
    if len(plugins) != 1:
        what = f"holds {len(plugins)} resources of kind WasmPlugin with a pluginConfig"
        raise ManifestError(f"{path}: {what}; give a file with one, LLMProxy's")
    return _plugin(plugins[0], str(path))


def manifests(plugin: Plugin, policy: str, templates: Sequence[Path]) -> list[dict[str, Any]]:
    """This project's resources for what `plugin` guards; placeholders such as the key stay."""
    documents = [
        document
        for folder in templates
        for path in sorted(folder.glob("*.yaml"))
        if path.name != "unguarded.yaml"
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        if document["kind"] not in _LEFT_OUT
    ]
    found: list[dict[str, Any]] = []
    for document in documents:
        if document["metadata"]["name"] == _TEMPLATE_NAME:
            found += (_for_host(document, host) for host in plugin.hosts)
        elif plugin.guard is not None or document["metadata"]["name"] != "meshward-llm-guard":
            found.append(_for_plugin(document, plugin, policy))
    for document in found:
        document["metadata"]["namespace"] = plugin.namespace
    return found


def _is_plugin(document: object) -> bool:
    return (
        isinstance(document, dict)
        and document.get("kind") == "WasmPlugin"
        and isinstance(document.get("spec"), dict)
        and isinstance(document["spec"].get("pluginConfig"), dict)
    )


def _plugin(document: Mapping[str, Any], file: str) -> Plugin:
    metadata = document.get("metadata") or {}
    spec, config = document["spec"], document["spec"]["pluginConfig"]
    place = f"{file}: spec.pluginConfig"
    _refuse_unknown(config, _KEYS, place)
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    if not labels:
        what = "names no workloads; give the labels of those to guard"
        raise ManifestError(f"{file}: spec.selector.matchLabels {what}")
    hosts = _strings(config, "hosts", place)
    if not hosts:
        raise ManifestError(f"{place}.hosts: names no host, so the plugin guards nothing")
    for host in hosts:
        if not _HOST.fullmatch(host):
            what = f"{host!r} is no host in small letters and without a port; no call has that name"
            raise ManifestError(f"{place}.hosts: {what}")
    return Plugin(
        name=str(metadata.get("name") or "asm-llm-proxy"),
        namespace=str(metadata.get("namespace") or "default"),
        labels={str(name): str(value) for name, value in labels.items()},
        hosts=list(dict.fromkeys(hosts)),
        deny=_strings(config, "deny_patterns", place),
        allow=_strings(config, "allow_patterns", place),
        guard=_guard(config.get("intelligent_guard"), f"{place}.intelligent_guard"),
        has_key=bool(config.get("api_key")),
    )


def _guard(config: object, place: str) -> Guard | None:
    if config is None:
        return None
    if not isinstance(config, dict) or not isinstance(config.get("host"), str):
        raise ManifestError(f"{place}: must be a mapping with a host")
    _refuse_unknown(config, _GUARD_KEYS, place)
    port = config.get("port") or 443
    if not isinstance(port, int) or not 0 < port < 65_536:
        raise ManifestError(f"{place}.port: must be a port, 1 to 65535")
    path = str(config.get("path") or _GUARD_PATH)
    if not path.endswith(_COMPLETIONS):
        what = f"is {path!r}; a judge is asked at a path that ends in {_COMPLETIONS}"
        raise ManifestError(f"{place}.path: {what}")
    return Guard(config["host"], port, path, str(config.get("model") or _GUARD_MODEL))


def _refuse_unknown(config: Mapping[str, object], known: Sequence[str], place: str) -> None:
    for name in config:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"LLMProxy knows {', '.join(known)}"
            raise ManifestError(f"{place}.{name}: is not known; {hint}")


def _strings(config: Mapping[str, Any], name: str, place: str) -> list[str]:
    value = config.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ManifestError(f"{place}.{name}: must be a list of strings")
    return value


def _for_host(template: Mapping[str, Any], host: str) -> dict[str, Any]:
    """A resource of the provider in the templates, for another host."""
    name = host.replace(".", "-")
    filled: dict[str, Any] = _replaced(template, _TEMPLATE_HOST, host)
    filled["metadata"]["name"] = name
    return filled


def _replaced(value: Any, old: str, new: str) -> Any:  # noqa: ANN401 -- any YAML value
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, list):
        return [_replaced(each, old, new) for each in value]
    if isinstance(value, dict):
        return {key: _replaced(each, old, new) for key, each in value.items()}
    return value


def _for_plugin(template: Mapping[str, Any], plugin: Plugin, policy: str) -> dict[str, Any]:
    """A check's resource, the shim's or the Sidecar, for the plugin's workloads and hosts."""
    document = copy.deepcopy(dict(template))
    if document["kind"] in {"Sidecar", "EnvoyFilter"}:
        document["spec"]["workloadSelector"]["labels"] = dict(plugin.labels)
    if document["kind"] == "WasmPlugin":
        document["spec"]["selector"]["matchLabels"] = dict(plugin.labels)
        config = document["spec"]["pluginConfig"]
        config["policy"] = policy
        (template_host,) = config["hosts"]
        config["hosts"] = [copy.deepcopy(template_host) | {"name": host} for host in plugin.hosts]
        config["checks"] = list(_checks(config["checks"], plugin))
    return document


def _checks(checks: Sequence[Mapping[str, Any]], plugin: Plugin) -> Iterator[Mapping[str, Any]]:
    for check in checks:
        if plugin.guard is not None or check["name"] != "llm-guard":
            yield check
