"""`python -m infra.contract generate | check`."""

import sys

from infra import contract


def main(arguments: list[str]) -> int:
    """Write the generated files, or say which are stale; the exit status is 1 then."""
    match arguments:
        case ["generate"]:
            contract.write()
            return 0
        case ["check"]:
            paths = contract.stale()
            for path in paths:
                print(f"{path} is not fresh: run `make generate`", file=sys.stderr)  # noqa: T201 -- a command's output
            return 1 if paths else 0
        case _:
            print("usage: python -m infra.contract generate | check", file=sys.stderr)  # noqa: T201 -- a command's output
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
