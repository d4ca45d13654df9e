"""The way in: commands that need no SDK come without them, which take longer to import."""

import sys


def main() -> None:
    """Run the command that the arguments name."""
    if sys.argv[1:2] == ["emulate"]:
        from infra.cli import emulate  # noqa: PLC0415 -- only what this command needs

        emulate.main(sys.argv[2:])
    elif sys.argv[1:2] and sys.argv[1] in ("check", "eval", "policy"):
        from infra.cli import light  # noqa: PLC0415

        light.main()
    else:
        from infra.cli import main as commands  # noqa: PLC0415 -- and here everything

        commands.main()


if __name__ == "__main__":
    main()
