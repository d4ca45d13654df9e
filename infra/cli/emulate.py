"""`meshward emulate`: Function Compute on this machine, for people at a terminal.

    banner: address, what to export, how to call a trigger  ──▶  Ready in N s  ──▶  a line per call

With `--json` every line, the first one included, is a JSON object for a program to read.
"""

import json
import os
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from infra.cli import STARTED
from infra.emulator.calls import CallRecord
from infra.emulator.capacity import INSTANCES_MAX
from infra.emulator.server import Facts, run
from infra.emulator.settings import EmulatorSettings
from infra.ports import LOOPBACK, Port, free_port

_PORT: Final = 9000
_ANY_SECRET: Final = "anything"  # noqa: S105 -- what to write where nothing is verified
_YOUR_SECRET: Final = "<the secret that you gave>"  # noqa: S105
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 -- named, not listened on
_PATH_CHARACTERS_MAX: Final = 60


def emulate(  # noqa: PLR0913, PLR0917 -- each is an option of the command line
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0: any free port.")
    ] = _PORT,
    host: Annotated[
        str, typer.Option(help="The address to listen on; beyond this machine with a key only.")
    ] = LOOPBACK,
    region: Annotated[str, typer.Option(help="The region that it pretends to be.")] = "cn-hangzhou",
    account_id: Annotated[str, typer.Option(help="Whose account it is.")] = "1234567890123456",
    access_key_id: Annotated[
        str, typer.Option(help="Verify signatures: this key id, and its secret.")
    ] = "",
    access_key_secret: Annotated[
        str, typer.Option(envvar="ALIBABA_CLOUD_ACCESS_KEY_SECRET", help="The key's secret.")
    ] = "",
    code_folder: Annotated[
        Path | None, typer.Option(help="Keep unpacked packages here.", file_okay=False)
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Keep all state here, for the next start.", file_okay=False)
    ] = None,
    instances_max: Annotated[
        int, typer.Option(min=1, help="How many instances the account may run.")
    ] = INSTANCES_MAX,
    as_json: Annotated[bool, typer.Option("--json", help="Lines of JSON.")] = False,
) -> None:
    """Run Function Compute on this machine until Ctrl-C: deploy to it, call it, watch it."""
    if access_key_id and not access_key_secret:
        what = "--access-key-id needs --access-key-secret (or ALIBABA_CLOUD_ACCESS_KEY_SECRET)"
        raise typer.BadParameter(what)
    taken = free_port(port)
    settings = EmulatorSettings(
        port=taken.number,
        host=host,
        region=region,
        account_id=account_id,
        code_folder=code_folder.absolute() if code_folder else None,
        data=data.absolute() if data else None,
        instances_max=instances_max,
        access_key_id=access_key_id,
        access_key_secret=access_key_secret if access_key_id else "",
    )
    if as_json:
        run(settings, _say_ready, _say_call)
        return
    console = Console(highlight=False)
    shown = Banner(console, settings, taken)
    run(settings, shown.ready, shown.called)
    console.print("\nStopped: the emulator and all instances.")


def main(arguments: list[str]) -> None:
    """This command alone, for a process that imports nothing else."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(emulate)
    try:
        app(arguments, prog_name="meshward emulate")
    except OSError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)


class Banner:
    """What people see."""

    def __init__(self, console: Console, settings: EmulatorSettings, port: Port) -> None:
        self._console, self._settings, self._port = console, settings, port

    def ready(self, _facts: Facts) -> None:
        """The banner, once calls are taken."""
        settings, say = self._settings, self._console.print
        authority = f"{_reachable(settings.host)}:{self._port.number}"
        address = f"http://{authority}"
        whose = f"{settings.region}, account {settings.account_id}"
        title = "\n[bold]Function Compute on this machine[/bold]"
        say(f"{title}  {address}  [dim]{whose}[/dim]", soft_wrap=True)
        if self._port.stepped:
            say(f"Port {self._port.wanted} is busy; took {self._port.number}.")
        say(f"\n[bold]The SDKs[/bold]  [dim]{_signed(settings)}[/dim]")
        self._lines(_for_sdks(settings, authority))
        say("\n[bold]Serverless Devs[/bold]")
        self._lines(_for_serverless_devs(settings, address))
        say("\n[bold]A trigger[/bold], by the host name that the platform has given it")
        self._lines([f"curl {address}/ -H 'Host: <host of urlInternet>'"])
        say("\nCtrl-C stops it and all instances.")
        say(f"Ready in {time.monotonic() - STARTED:.1f} s\n", style="green")

    def called(self, record: CallRecord) -> None:
        """One aligned line."""
        colour = _colour(record.status)
        # Not folded, and no markup of a caller's: a path is whatever somebody sent.
        self._console.print(line(record), style=colour, markup=False, soft_wrap=True)

    def _lines(self, lines: list[str]) -> None:
        for each in lines:
            self._console.print(f"  {each}", markup=False, soft_wrap=True)


def line(record: CallRecord) -> str:
    """A call as people read it: when, what came of it, how long, which function, what was asked."""
    status = str(record.status) if record.status else "cut"
    path = "".join(each if each.isprintable() else "?" for each in record.path)
    if len(path) > _PATH_CHARACTERS_MAX:
        path = path[: _PATH_CHARACTERS_MAX - 1] + "…"
    notes = "  ".join(each for each in (record.error, "cold start" * record.cold_start) if each)
    told = (
        f"{record.at:%H:%M:%S}.{record.at.microsecond // 1000:03d}",
        f"{status:>3}",
        f"{record.milliseconds:>8.1f} ms",
        f"{record.function or '(api)':<20}",
        f"{record.method:<6}",
        f"{path}  {notes}".rstrip(),
    )
    return "  ".join(told)


def _signed(settings: EmulatorSettings) -> str:
    if settings.access_key_id:
        return "signatures are verified"
    return "signatures are not verified: any key and secret will do"


def _secret(settings: EmulatorSettings) -> str:
    """What stands for the secret in the banner: a terminal keeps what it has shown."""
    return _YOUR_SECRET if settings.access_key_id else _ANY_SECRET


def _reachable(host: str) -> str:
    """Where callers on this machine find what listens on `host`."""
    return LOOPBACK if host == _EVERYWHERE else host


def _for_sdks(settings: EmulatorSettings, authority: str) -> list[str]:
    key = shlex.quote(settings.access_key_id or "anybody")
    return [
        f"export ALIBABA_CLOUD_ACCESS_KEY_ID={key}",
        f"export ALIBABA_CLOUD_ACCESS_KEY_SECRET='{_secret(settings)}'",
        f'alibabacloud_fc20230330   Config(endpoint="{authority}", protocol="http", …)',
        f'fc2 (aliyun-fc2)          Client(endpoint="http://{authority}", …)',
    ]


def _for_serverless_devs(settings: EmulatorSettings, address: str) -> list[str]:
    key = shlex.quote(settings.access_key_id or "anybody")
    return [
        f"export FC_CLIENT_CUSTOM_ENDPOINT={address} FC_CODE_TEMP_OSS_ENDPOINT={address}",
        f"export AccountID={settings.account_id} AccessKeyID={key}",
        f"export AccessKeySecret='{_secret(settings)}'",
    ]


def _colour(status: int) -> str:
    if status == 0 or status >= 500:
        return "red"
    return "yellow" if status >= 400 else "none"


def _say_ready(facts: Facts) -> None:
    _say({"ready": True, **facts, "pid": os.getpid()})


def _say_call(record: CallRecord) -> None:
    _say({**asdict(record), "at": record.at.isoformat(timespec="milliseconds")})


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()
