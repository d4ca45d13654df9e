"""`python -m tests.fuzz [TARGET] [SECONDS]`: fuzz one target, or each in turn, for so long.

The target `shim` is the built plugin, by random events (shim.py); the others go by coverage.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

_BUILD: Final = Path(__file__).parents[2] / "build" / "fuzz"
_SECONDS: Final = 60
_SHIM: Final = "shim"
_LIMITS: Final = ("-max_len=4096", "-rss_limit_mb=2048", "-timeout=10", "-print_final_stats=1")


def main(arguments: list[str]) -> int:
    """Fuzz; the exit status is 1 where something was found or no target has such a name."""
    wanted = [each for each in arguments if not each.isdigit()]
    seconds = next((int(each) for each in arguments if each.isdigit()), _SECONDS)
    known = [*TARGETS, _SHIM]
    if any(each not in known for each in wanted):
        sys.stderr.write(f"there are: {', '.join(known)}\n")
        return 1
    failed = []
    for target in wanted or known:
        command = _rounds(seconds) if target == _SHIM else _by_coverage(target, seconds)
        failed += [target] * (subprocess.run(command, check=False).returncode != 0)
    if failed:
        sys.stderr.write(f"found something: {', '.join(failed)}; see {_BUILD}\n")
    return 1 if failed else 0


def _rounds(seconds: int) -> list[str]:
    return [sys.executable, "-m", "tests.fuzz.shim", str(seconds)]


def _by_coverage(target: str, seconds: int) -> list[str]:
    corpus = _BUILD / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    command = [sys.executable, "-m", "tests.fuzz.run", target, str(corpus), *_LIMITS]
    return [*command, f"-max_total_time={seconds}", f"-artifact_prefix={_BUILD}/{target}-"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
