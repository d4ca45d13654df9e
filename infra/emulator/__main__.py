"""`python -m infra.emulator`: Function Compute on loopback."""

import argparse
import os
from pathlib import Path

from infra.emulator.server import run
from infra.emulator.settings import EmulatorSettings

_SECRET = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"  # noqa: S105 -- the variable's name, as the SDKs have it


def main() -> None:
    """Read the options and serve until told to stop."""
    defaults = EmulatorSettings()
    parser = argparse.ArgumentParser(description="Function Compute on this machine")
    parser.add_argument("--host", default=defaults.host, help="the address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--tls-port", type=int, help="a second port with TLS; 0: any free one")
    parser.add_argument("--tls-cert", type=Path)
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--region", default=defaults.region)
    parser.add_argument("--account-id", default=defaults.account_id)
    parser.add_argument("--code-folder", type=Path, help="keep unpacked packages here")
    parser.add_argument("--data", type=Path, help="keep all state here, for the next start")
    parser.add_argument(
        "--instances-max", type=int, default=defaults.instances_max, help="of the whole account"
    )
    parser.add_argument(
        "--access-key-id", default="", help=f"verify signatures; the secret is in {_SECRET}"
    )
    options = parser.parse_args()
    if options.tls_port is not None and not (options.tls_cert and options.tls_key):
        parser.error("--tls-port needs --tls-cert and --tls-key")
    secret = os.environ.get(_SECRET, "")
    if options.access_key_id and not secret:
        parser.error(f"--access-key-id needs the secret in the environment, as {_SECRET}")
    run(EmulatorSettings(**vars(options), access_key_secret=secret))


if __name__ == "__main__":
    main()
