"""`meshward policy import`: LLMProxy's WasmPlugin → a policy, our manifests, and what changes.

    FILE ──mesh.llmproxy──▶ Plugin ──deny-pattern's `convert`──▶ OUT/policies/NAME.yaml
                              └──our manifests as templates────▶ OUT/manifests/meshward.yaml
                              └──▶ what changes in meaning, on standard output

Keys are not copied: they would stand in one more file.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml

from infra.cli.tools import ROOT, Line, ToolError, answers
from mesh import llmproxy

_MANIFESTS: Final = ROOT / "mesh" / "manifests"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_INCOMPLETE: Final = 1
_HEAD: Final = """\
# Imported by `meshward policy import`. The examples were made from the patterns and tried: replace
# them by texts of yours, above all the near misses under `pass`.
"""
_ALWAYS: Final = """
What changes
  - Denied is what a rule finds in any role, tool call, key or encoding. The plugin read messages of
    the role user whose content is one string; scope: {roles: [user]} narrows a rule again.
  - Every API of a host is read: completions, embeddings, Responses, DashScope's own, Anthropic's.
    The plugin let through what it could not parse.
  - Images, sound and files cannot be read and are denied; unreadable: allow lets them through.
  - A denial has status 403 as before, and a body that client libraries understand.
  - A host with a port, in capitals or with a final dot is guarded too.
  - A Sidecar resource lets these workloads call only what a ServiceEntry names, so that none goes
    around the guard. Give other hosts that they call a ServiceEntry each, or leave it out.
"""
_ALLOW_LIST: Final = """\
  - allow_patterns are held against every text of a user's message: names, each part, and what is
    decoded from it. One that matches nowhere is denied; the plugin looked at whole messages.
"""
_JUDGE: Final = """\
  - The judge is asked by llm-guard, with questions of its own, about what the rules let through.
    It looks for the policy's two categories; change them to your words.
  - No verdict in time is a denial (judge.on_error: deny). The plugin denied where the status was
    not 200, and let through an answer without a result.
  - The function calls the judge from outside of the mesh, over TLS: its address must be reachable
    from Function Compute.
"""
_KEY: Final = """\
  - The api_key was not copied: rotate it, for everybody could read it who may read WasmPlugins, and
    give the new one to the key-broker (MESHWARD_KEYS or another source, docs/keys.md).
"""
_LAST: Final = """\
  - Put the policy into functions/policies/ (or the folder MESHWARD_POLICY_DIR) and deploy. Then
    delete the old plugin, and your ServiceEntry and DestinationRule for these hosts, which the new
    ones replace. Apply the new manifests, once their placeholders are exported:
    python -m mesh.sidecar manifests {folder} | kubectl apply -f -
"""


def import_plugin(
    file: Annotated[Path, typer.Argument(help="The manifest with LLMProxy's WasmPlugin.")],
    out: Annotated[Path, typer.Option(help="Write below this folder.")] = Path("imported"),
    name: Annotated[str, typer.Option("--policy", help="The policy's name.")] = "imported",
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Turn the WasmPlugin of ASM's LLMProxy into a policy and manifests, and say what changes.

    The exit status is 1 where a rule needs an example of yours before its policy loads.
    """
    if not _NAME.fullmatch(name):
        raise ToolError(f"--policy {name!r}: small letters, digits and . _ - make a policy's name")
    plugin = llmproxy.read(file)
    origin = f"pluginConfig of WasmPlugin {plugin.namespace}/{plugin.name}"
    request = {"deny": list(plugin.deny), "allow": list(plugin.allow), "origin": origin}
    rules = list(answers("convert", request))
    policy = _policy(name, plugin, rules)
    documents = llmproxy.manifests(plugin, name, [_MANIFESTS / "base", _MANIFESTS / "portable"])
    policies = out / "policies"
    written = {
        policies / f"{name}.yaml": _HEAD + _dumped([policy]),
        out / "manifests" / "meshward.yaml": _dumped(documents),
    }
    there = [str(path) for path in written if path.exists()]
    if there and not force:
        raise ToolError(f"{', '.join(there)}: there already; --force replaces it")
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    incomplete = [line for line in rules if line["problem"]]
    if not incomplete:
        _verify(policies, name)
    for path in written:
        sys.stdout.write(f"wrote {path}\n")
    sys.stdout.write("".join(_told(plugin, incomplete, out)))
    sys.exit(_INCOMPLETE if incomplete else 0)


def _policy(name: str, plugin: llmproxy.Plugin, rules: list[Line]) -> dict[str, Any]:
    policy: dict[str, Any] = {
        "policy": name,
        "description": f"What WasmPlugin {plugin.namespace}/{plugin.name} denied.",
        "unreadable": "deny",
        "rules": [line["rule"] for line in rules],
    }
    if plugin.guard is not None:
        categories = [{"id": "personal-data"}, {"id": "company-confidential"}]
        policy["judge"] = {"on_error": "deny", "categories": categories}
    return policy


def _verify(folder: Path, name: str) -> None:
    """Have the check load what was written. Raises `ToolError`."""
    for line in answers("test", {"folder": str(folder.absolute()), "policy": name}):
        if line["rule"] and not line["passed"]:
            raise ToolError(f"{line['place']}: rule {line['rule']}: {line['what']}")


def _told(plugin: llmproxy.Plugin, incomplete: list[Line], out: Path) -> Iterator[str]:
    """What changes, and what is left to do."""
    yield _ALWAYS
    if plugin.allow:
        yield _ALLOW_LIST
    if plugin.guard is not None:
        yield _JUDGE
    yield "\nLeft to do\n"
    for line in incomplete:
        yield f"  - Rule {line['rule']['id']}: {line['problem']}.\n"
        yield "    The policy does not load before.\n"
    if plugin.has_key:
        yield _KEY
    if plugin.guard is not None:
        yield "  - For llm-guard set these, and the judge's key in MESHWARD_JUDGE_API_KEY:\n"
        yield f"    MESHWARD_JUDGE_URL={plugin.guard.base_url}\n"
        yield f"    MESHWARD_JUDGE_MODEL={plugin.guard.model}\n"
    yield _LAST.format(folder=out / "manifests")


def _dumped(documents: list[dict[str, Any]]) -> str:
    return yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False, width=120)
