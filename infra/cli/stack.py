"""The whole path on one machine, as one object.

    authority ─┬▶ provider (stand-in, TLS)      judge (stand-in)
               ├▶ emulator (plain + TLS) ◀── deploy(s.yaml, packages) ── SDK
               └▶ sidecar: Envoy ◀── manifests filled with hosts, secret, token

Children are started first and waited for last, because most of the time goes into their imports;
in between the shim is built and the functions are packed. Everything stops in the reverse order,
whatever goes wrong. Secrets are made for the run and live in memory.
"""

import json
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from darabonba.exceptions import DaraException

from infra.cli.settings import Settings, for_llm_guard
from infra.deploy import (
    DeployedFunction,
    Deployment,
    DeploymentError,
    FunctionSpec,
    apply,
    load,
    logs,
    package,
)
from infra.deploy.apply import client
from infra.deploy.tokens import mint_now
from infra.local.banner import GUARDED_HOST
from infra.local.certificates import LocalAuthority
from infra.local.children import Child, ChildError
from infra.local.readiness import wait_for_keys
from infra.ports import LOOPBACK, Port, free_port
from mesh.shim.build import build
from mesh.sidecar import Ports, Redirect, Sidecar, bootstrap, translate
from mesh.sidecar import load as load_manifests

ROOT: Final = Path(__file__).parents[2]
MANIFESTS: Final = ROOT / "mesh" / "manifests"
S_YAML: Final = ROOT / "s.yaml"
_ACCESS_KEY_ID: Final = "meshward-local"
_STAND_IN_KEYS: Final = ("sk-stand-in-provider-key-1", "sk-stand-in-provider-key-2")
_STAND_IN_JUDGE_MODEL: Final = "stand-in-judge"

Report = Callable[[str], None]
"""Told what is being done, for people who wait."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running local stack: its parts, and what a further sidecar would need.

    `provider` and `judge` are None where real ones are used. `keys` are the guarded host's, unless
    the settings name a file that has them.
    """

    settings: Settings
    emulator: Child
    provider: Child | None
    judge: Child | None
    functions: Mapping[str, DeployedFunction]
    sidecar: Sidecar
    access_log: Path
    ports: tuple[Port, ...]
    emulator_url: str
    provider_url: str
    judge_url: str
    redirects: Mapping[str, Redirect]
    keys: Sequence[str] = field(repr=False)
    values: Mapping[str, str] = field(repr=False)


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
        access_secret = secrets.token_urlsafe(32)
        emulator = exits.enter_context(_emulator(authority, settings, emulator_port, access_secret))
        provider = None if settings.provider_key else exits.enter_context(_provider(authority))
        judge = None if settings.judge_url else exits.enter_context(_judge(authority))
        report("building the shim")
        shim = build(ROOT / "build" / "shim.wasm")
        judge_url = settings.judge_url
        if judge is not None:
            judge_url = f"http://{LOOPBACK}:{judge.wait_ready()['port']}/v1"
        secret, access = secrets.token_urlsafe(32), mint_now()
        keys = settings.provider_key.split(",") if settings.provider_key else _STAND_IN_KEYS
        environment = _environment(settings, judge_url, secret, access.jwks, keys)
        deployment = load(S_YAML, environment)
        for function in deployment.functions:
            report(f"packing {function.name}")
            package(function.name, function.code)
        facts = emulator.wait_ready()
        report("deploying the functions")
        emulator_url = f"http://{LOOPBACK}:{facts['port']}"
        functions = _deploy(deployment, emulator_url, access_secret)
        places = {function.host: facts["tls_port"] for function in functions.values()}
        provider_url = f"https://{GUARDED_HOST}"
        if provider is not None:
            places[GUARDED_HOST] = provider.wait_ready()["port"]
            provider_url = f"https://{LOOPBACK}:{places[GUARDED_HOST]}"
        redirects = {
            f"{host}:443": Redirect(LOOPBACK, place, authority.ca_file)
            for host, place in places.items()
        }
        values = _values(functions, secret, access.token, shim)
        report("starting the sidecar")
        access_log = folder / "access.log"
        envoy = exits.enter_context(
            start_sidecar(settings.body, values, redirects, port.number, access_log)
        )
        wait_for_keys(envoy.port, GUARDED_HOST)
        yield Stack(
            settings=settings,
            emulator=emulator,
            provider=provider,
            judge=judge,
            functions=functions,
            sidecar=envoy,
            access_log=access_log,
            ports=(port, emulator_port),
            emulator_url=emulator_url,
            provider_url=provider_url,
            judge_url=judge_url,
            redirects=redirects,
            keys=keys,
            values=values,
        )
        report("stopping")


def start_sidecar(
    body: str,
    values: Mapping[str, str],
    redirects: Mapping[str, Redirect],
    port: int,
    access_log: Path,
) -> Sidecar:
    """Start Envoy from the manifests in the form `body`; port 0 takes any free one."""
    documents = load_manifests([MANIFESTS / "base", MANIFESTS / body], values)
    ports = Ports(listener=port or free_port().number, admin=free_port().number)
    return Sidecar.start(bootstrap(translate(documents), ports, redirects), access_log=access_log)


def _values(
    functions: Mapping[str, DeployedFunction], secret: str, token: str, shim: Path
) -> dict[str, str]:
    """What the manifests' placeholders stand for."""
    return {
        "MESHWARD_SIGNING_SECRET": secret,
        "MESHWARD_TRIGGER_TOKEN": token,
        "MESHWARD_DENY_PATTERN_HOST": functions["deny-pattern"].host,
        "MESHWARD_LLM_GUARD_HOST": functions["llm-guard"].host,
        "MESHWARD_KEY_BROKER_HOST": functions["key-broker"].host,
        "MESHWARD_SHIM_URL": shim.resolve().as_uri(),
    }


def _environment(
    settings: Settings, judge_url: str, secret: str, jwks: str, keys: Sequence[str]
) -> dict[str, str]:
    """What s.yaml asks the environment for."""
    file = str(Path(settings.keys_file).resolve()) if settings.keys_file else ""
    return {
        "MESHWARD_KEYS": "" if file else json.dumps({GUARDED_HOST: list(keys)}),
        "MESHWARD_KEYS_FILE": file,
        **for_llm_guard(),
        "MESHWARD_REGION": settings.region,
        "MESHWARD_SIGNING_SECRETS": secret,
        "MESHWARD_TRIGGER_JWKS": jwks,
        "MESHWARD_LISTEN": LOOPBACK,
        # An instance runs in a folder of its own.
        "MESHWARD_POLICY_DIR": settings.policy_dir and str(Path(settings.policy_dir).absolute()),
        "MESHWARD_JUDGE_URL": judge_url,
        "MESHWARD_JUDGE_MODEL": settings.judge_model or _STAND_IN_JUDGE_MODEL,
        "MESHWARD_JUDGE_API_KEY": settings.judge_api_key,
    }


def _deploy(deployment: Deployment, emulator_url: str, secret: str) -> dict[str, DeployedFunction]:
    """Deploy; where a function does not start, the error ends with what its instances printed."""
    try:
        return apply(deployment, client(emulator_url, deployment.region, _ACCESS_KEY_ID, secret))
    except (DaraException, DeploymentError) as error:
        lines = [line for function in deployment.functions for line in _log(emulator_url, function)]
        told = getattr(error, "message", None) or str(error)
        raise ChildError("\n".join([told, *lines])) from None


def _log(emulator_url: str, function: FunctionSpec) -> list[str]:
    try:
        lines = logs(function.name, emulator_url)
    except DeploymentError:  # It was not created.
        return []
    return [f"{function.name}: {line}" for line in lines[-10:]]


def _emulator(authority: LocalAuthority, settings: Settings, port: Port, secret: str) -> Child:
    """The emulator; it takes signed calls only, for whoever may deploy to it runs code here."""
    certificate = authority.issue("emulator", f"*.{settings.region}.fcapp.run")
    return _child(
        authority.folder,
        "emulator",
        "infra.emulator",
        *("--port", str(port.number), "--region", settings.region, "--tls-port", "0"),
        *("--code-folder", str(ROOT / "build" / "code")),
        *("--tls-cert", str(certificate.chain), "--tls-key", str(certificate.key)),
        *("--access-key-id", _ACCESS_KEY_ID),
        ALIBABA_CLOUD_ACCESS_KEY_SECRET=secret,
    )


def _provider(authority: LocalAuthority) -> Child:
    certificate = authority.issue("provider", GUARDED_HOST)
    options = ("--tls-cert", str(certificate.chain), "--tls-key", str(certificate.key))
    return _child(authority.folder, "provider", "infra.local.provider", *options)


def _judge(authority: LocalAuthority) -> Child:
    return _child(authority.folder, "judge", "infra.local.judge")


def _child(folder: Path, name: str, module: str, *options: str, **variables: str) -> Child:
    """A child of our own; of this process's environment it gets the path and nothing else.

    What it writes goes below `folder`, which goes with the stack, however the child ends.
    """
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "TMPDIR": str(folder),
        **variables,
    }
    return Child.spawn(name, [sys.executable, "-m", module, *options], environment)
