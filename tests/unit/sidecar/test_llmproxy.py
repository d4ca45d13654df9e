"""LLMProxy's WasmPlugin: what is read of it, what is refused, and the manifests made of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh import llmproxy
from mesh.sidecar import ManifestError, load, placeholders, translate
from tests.support.mesh import MANIFESTS, values

TEMPLATES = [MANIFESTS / "base", MANIFESTS / "portable"]
Manifest = dict[str, Any]


def manifest(**config: object) -> Manifest:
    said = {
        "hosts": ["dashscope.aliyuncs.com", "api.example.com"],
        "api_key": "sk-secret",
        "deny_patterns": [".*账号.*"],
        "intelligent_guard": {"host": "judge.example.com", "api_key": "sk-judge"},
    }
    merged = {name: value for name, value in (said | config).items() if value is not None}
    return {
        "apiVersion": "extensions.istio.io/v1alpha1",
        "kind": "WasmPlugin",
        "metadata": {"name": "asm-llm-proxy", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "front"}}, "pluginConfig": merged},
    }


def read(tmp_path: Path, *documents: Manifest) -> llmproxy.Plugin:
    path = tmp_path / "plugin.yaml"
    path.write_text(yaml.safe_dump_all(documents, allow_unicode=True), encoding="utf-8")
    return llmproxy.read(path)


def test_a_plugin_is_found_among_other_resources_and_read_without_its_keys(tmp_path: Path) -> None:
    plugin = read(tmp_path, {"kind": "Service"}, manifest())
    assert (plugin.namespace, plugin.labels) == ("shop", {"app": "front"})
    assert plugin.deny == [".*账号.*"]
    assert plugin.has_key
    assert "sk-" not in repr(plugin)


@pytest.mark.parametrize(
    ("guard", "url", "model"),
    [
        (
            {"host": "j.example.com", "api_key": "k"},
            "https://j.example.com/compatible-mode/v1",
            "qwen-turbo",
        ),
        (
            {"host": "j.example.com", "port": 8443, "path": "/v1/chat/completions", "model": "m"},
            "https://j.example.com:8443/v1",
            "m",
        ),
        (
            {"host": "j.example.com", "port": 80},
            "https://j.example.com/compatible-mode/v1",
            "qwen-turbo",
        ),
    ],
)
def test_the_guard_is_a_judge_with_the_plugins_defaults(
    tmp_path: Path, guard: Manifest, url: str, model: str
) -> None:
    found = read(tmp_path, manifest(intelligent_guard=guard)).guard
    assert found is not None
    assert (found.base_url, found.model) == (url, model)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"deny_pattern": ["a"]}, "pluginConfig.deny_pattern: is not known; did you mean deny_pat"),
        ({"hosts": []}, "pluginConfig.hosts: names no host"),
        ({"hosts": "a.com"}, "pluginConfig.hosts: must be a list of strings"),
        ({"hosts": ["A.com:80"]}, "'A.com:80' is no host in small letters and without a port"),
        ({"deny_patterns": [1]}, "pluginConfig.deny_patterns: must be a list of strings"),
        ({"intelligent_guard": {}}, "intelligent_guard: must be a mapping with a host"),
        ({"intelligent_guard": {"host": "a", "port": "x"}}, "intelligent_guard.port: must be"),
        ({"intelligent_guard": {"host": "a", "path": "/v1"}}, "path that ends in /chat/completi"),
        ({"intelligent_guard": {"host": "a", "modle": "b"}}, "modle: is not known; did you mean m"),
    ],
)
def test_what_is_not_understood_is_named(tmp_path: Path, config: Manifest, told: str) -> None:
    with pytest.raises(ManifestError) as refusal:
        read(tmp_path, manifest(**config))
    assert told in str(refusal.value)
    assert "sk-" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds 0 resources of kind WasmPlugin"),
        ("kind: WasmPlugin\nspec: {url: a}\n", "holds 0 resources of kind WasmPlugin"),
        ("a: [", "plugin.yaml:1: is not YAML"),
        ("a: 2026-13-45", "plugin.yaml: is not YAML"),
        ("kind: WasmPlugin\nspec: {pluginConfig: {hosts: [a]}}\n", "matchLabels names no workl"),
    ],
)
def test_a_file_that_is_no_plugin_is_told_so(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "plugin.yaml"
    path.write_text(text)
    with pytest.raises(ManifestError, match=told):
        llmproxy.read(path)


def made(tmp_path: Path, **config: object) -> list[Manifest]:
    return llmproxy.manifests(read(tmp_path, manifest(**config)), "imported", TEMPLATES)


def test_the_manifests_guard_the_same_workloads_and_hosts(tmp_path: Path) -> None:
    documents = made(tmp_path)
    assert {each["metadata"]["namespace"] for each in documents} == {"shop"}
    (shim,) = [each for each in documents if each["kind"] == "WasmPlugin"]
    assert shim["spec"]["selector"]["matchLabels"] == {"app": "front"}
    config = shim["spec"]["pluginConfig"]
    assert config["policy"] == "imported"
    assert [host["name"] for host in config["hosts"]] == [
        "dashscope.aliyuncs.com",
        "api.example.com",
    ]
    assert [check["name"] for check in config["checks"]] == ["deny-pattern", "llm-guard"]
    entries = [each["spec"]["hosts"][0] for each in documents if each["kind"] == "ServiceEntry"]
    assert sorted(entries)[3:] == ["api.example.com", "dashscope.aliyuncs.com"]


def test_without_a_guard_no_judge_is_asked(tmp_path: Path) -> None:
    documents = made(tmp_path, intelligent_guard=None)
    (shim,) = [each for each in documents if each["kind"] == "WasmPlugin"]
    assert [check["name"] for check in shim["spec"]["pluginConfig"]["checks"]] == ["deny-pattern"]
    assert "LLM_GUARD" not in yaml.safe_dump(documents)


def test_the_manifests_are_understood_by_the_sidecar(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    workload = [
        document
        for document in yaml.safe_load_all((MANIFESTS / "base" / "workload.yaml").read_text())
        if document["kind"] == "Deployment"
    ]
    workload[0]["metadata"]["namespace"] = "shop"
    workload[0]["spec"]["template"]["metadata"]["labels"]["app"] = "front"
    text = yaml.safe_dump_all([*made(tmp_path), *workload], sort_keys=False)
    (folder / "meshward.yaml").write_text(text)
    shim = tmp_path / "shim.wasm"
    shim.touch()
    needed = placeholders([folder])
    mesh = translate(load([folder], {k: v for k, v in values(shim).items() if k in needed}))
    assert {service.host for service in mesh.services} >= {
        "dashscope.aliyuncs.com",
        "api.example.com",
    }
