"""`python -m infra.emulator`: Function Compute on loopback."""

import argparse
from pathlib import Path

from infra.emulator.server import EmulatorSettings, run


def main() -> None:
    """Read the options and serve until told to stop."""
    defaults = EmulatorSettings()
    parser = argparse.ArgumentParser(description="Function Compute on this machine")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--tls-port", type=int, help="a second port with TLS; 0: any free one")
    parser.add_argument("--tls-cert", type=Path)
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--region", default=defaults.region)
    parser.add_argument("--account-id", default=defaults.account_id)
    options = parser.parse_args()
    if options.tls_port is not None and not (options.tls_cert and options.tls_key):
        parser.error("--tls-port needs --tls-cert and --tls-key")
    run(EmulatorSettings(**vars(options)))


if __name__ == "__main__":
    main()
