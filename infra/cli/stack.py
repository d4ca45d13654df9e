"""The whole path on one machine, as one object.

    authority ─┬▶ provider (stand-in, TLS)      judge (stand-in)
               ├▶ emulator (plain + TLS) ◀── deploy(s.yaml, packages) ── SDK
               └▶ sidecar: Envoy ◀── manifests filled with hosts, key, secret, token

Children are started first and waited for last, because most of the time goes into their imports;
in between the shim is built and the functions are packed. Everything stops in the reverse order,
whatever goes wrong. Secrets are made for the run and live in memory.
"""

import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from infra.cli.settings import Settings
from infra.deploy import DeployedFunction, Deployment, apply, load, package
from infra.deploy.apply import client
from infra.deploy.tokens import mint_now
from infra.local.banner import GUARDED_HOST
from infra.local.certificates import LocalAuthority
from infra.local.children import Child
from infra.local.ports import LOOPBACK, Port, free_port
from mesh.shim.build import build
from mesh.sidecar import Ports, Redirect, Sidecar, bootstrap, translate
from mesh.sidecar import load as load_manifests

ROOT: Final = Path(__file__).parents[2]
MANIFESTS: Final = ROOT / "mesh" / "manifests"
S_YAML: Final = ROOT / "s.yaml"
_STAND_IN_KEY: Final = "sk-stand-in-provider-key"
_STAND_IN_JUDGE_MODEL: Final = "stand-in-judge"

Report = Callable[[str], None]
"""Told what is being done, for people who wait."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running local stack: its parts, and what a further sidecar would need.

    `provider` and `judge` are None where real ones are used.
    """

    settings: Settings
    emulator: Child
    provider: Child | None
    judge: Child | None
    functions: Mapping[str, DeployedFunction]
    sidecar: Sidecar
    ports: tuple[Port, ...]
    emulator_url: str
    provider_url: str
    judge_url: str
    redirects: Mapping[str, Redirect]
    values: Mapping[str, str] = field(repr=False)

    def another_sidecar(
        self,
        body: str,
        redirects: Mapping[str, Redirect] | None = None,
    ) -> Sidecar:
        """One more sidecar of this stack, holding bodies as `body` says; the caller stops it.

        `redirects` are put over the stack's own: hosts of the mesh that shall lead elsewhere.
        """
        return start_sidecar(body, self.values, {**self.redirects, **(redirects or {})}, 0)


@contextmanager
def local_stack(settings: Settings, report: Report = lambda _what: None) -> Iterator[Stack]:
    """Run the whole path for as long as the context lasts.

    Raises what the parts raise when they cannot start: `ChildError`, `SidecarError`, `BuildError`,
    `PackageError`, `DeploymentError`, and the SDK's exceptions.
    """
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="meshward-")))
        authority = LocalAuthority(folder)
        emulator_port, port = free_port(settings.emulator_port), free_port(settings.port)
        report("starting the emulator and the stand-ins")
        emulator = exits.enter_context(_emulator(authority, settings, emulator_port))
        provider = None if settings.provider_key else exits.enter_context(_provider(authority))
        judge = None if settings.judge_url else exits.enter_context(_judge(authority))
        report("building the shim")
        shim = build(ROOT / "build" / "shim.wasm")
        judge_url = settings.judge_url
        if judge is not None:
            judge_url = f"http://{LOOPBACK}:{judge.wait_ready()['port']}/v1"
        secret, access = secrets.token_urlsafe(32), mint_now()
        deployment = load(S_YAML, _environment(settings, judge_url, secret, access.jwks))
        for function in deployment.functions:
            report(f"packing {function.name}")
            package(function.name, function.code)
        facts = emulator.wait_ready()
        report("deploying the functions")
        emulator_url = f"http://{LOOPBACK}:{facts['port']}"
        functions = _deploy(deployment, emulator_url)
        redirects = {
            f"{function.host}:443": Redirect(LOOPBACK, facts["tls_port"], authority.ca_file)
            for function in functions.values()
        }
        provider_url = f"https://{GUARDED_HOST}"
        if provider is not None:
            provider_port = provider.wait_ready()["port"]
            provider_url = f"https://{LOOPBACK}:{provider_port}"
            redirects[f"{GUARDED_HOST}:443"] = Redirect(LOOPBACK, provider_port, authority.ca_file)
        values = {
            "MESHWARD_PROVIDER_KEY": settings.provider_key or _STAND_IN_KEY,
            "MESHWARD_SIGNING_SECRET": secret,
            "MESHWARD_TRIGGER_TOKEN": access.token,
            "MESHWARD_DENY_PATTERN_HOST": functions["deny-pattern"].host,
            "MESHWARD_LLM_GUARD_HOST": functions["llm-guard"].host,
            "MESHWARD_SHIM_URL": shim.resolve().as_uri(),
        }
        report("starting the sidecar")
        envoy = exits.enter_context(start_sidecar(settings.body, values, redirects, port.number))
        yield Stack(
            settings=settings,
            emulator=emulator,
            provider=provider,
            judge=judge,
            functions=functions,
            sidecar=envoy,
            ports=(port, emulator_port),
            emulator_url=emulator_url,
            provider_url=provider_url,
            judge_url=judge_url,
            redirects=redirects,
            values=values,
        )
        report("stopping")


def start_sidecar(
    body: str,
    values: Mapping[str, str],
    redirects: Mapping[str, Redirect],
    port: int,
) -> Sidecar:
    """Start Envoy from the manifests in the form `body`; port 0 takes any free one."""
    documents = load_manifests([MANIFESTS / "base", MANIFESTS / body], values)
    ports = Ports(listener=port or free_port().number, admin=free_port().number)
    return Sidecar.start(bootstrap(translate(documents), ports, redirects))


def _environment(settings: Settings, judge_url: str, secret: str, jwks: str) -> dict[str, str]:
    """What s.yaml asks the environment for."""
    return {
        "MESHWARD_REGION": settings.region,
        "MESHWARD_SIGNING_SECRETS": secret,
        "MESHWARD_TRIGGER_JWKS": jwks,
        "MESHWARD_LISTEN": LOOPBACK,
        "MESHWARD_JUDGE_URL": judge_url,
        "MESHWARD_JUDGE_MODEL": settings.judge_model or _STAND_IN_JUDGE_MODEL,
        "MESHWARD_JUDGE_API_KEY": settings.judge_api_key,
    }


def _deploy(deployment: Deployment, emulator_url: str) -> dict[str, DeployedFunction]:
    sdk = client(emulator_url, deployment.region, "local", "local")
    return apply(deployment, sdk)


def _emulator(authority: LocalAuthority, settings: Settings, port: Port) -> Child:
    certificate = authority.issue("emulator", f"*.{settings.region}.fcapp.run")
    return _child(
        authority.folder,
        "emulator",
        "infra.emulator",
        *("--port", str(port.number), "--region", settings.region, "--tls-port", "0"),
        *("--code-folder", str(ROOT / "build" / "code")),
        *("--tls-cert", str(certificate.chain), "--tls-key", str(certificate.key)),
    )


def _provider(authority: LocalAuthority) -> Child:
    certificate = authority.issue("provider", GUARDED_HOST)
    options = ("--tls-cert", str(certificate.chain), "--tls-key", str(certificate.key))
    return _child(authority.folder, "provider", "infra.local.provider", *options)


def _judge(authority: LocalAuthority) -> Child:
    return _child(authority.folder, "judge", "infra.local.judge")


def _child(folder: Path, name: str, module: str, *options: str) -> Child:
    """A child of our own; of this process's environment it gets the path and nothing else.

    What it writes goes below `folder`, which goes with the stack, however the child ends.
    """
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "TMPDIR": str(folder),
    }
    return Child.spawn(name, [sys.executable, "-m", module, *options], environment)
