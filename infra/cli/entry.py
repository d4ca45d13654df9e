"""The way in: `meshward emulate` without the SDKs, which take longer to import than it to start."""

import sys


def main() -> None:
    """Run the command that the arguments name."""
    if sys.argv[1:2] == ["emulate"]:
        from infra.cli import emulate  # noqa: PLC0415 -- only what this command needs

        emulate.main(sys.argv[2:])
    else:
        from infra.cli import main as commands  # noqa: PLC0415 -- and here everything

        commands.main()


if __name__ == "__main__":
    main()
