"""The other guards, in an environment of their own that only their bench makes, on demand.

build/peers/          a virtual environment of requirements/peers.txt
build/peers/installed a copy of that file, once it is all there
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.report import Unavailable

_ROOT: Final = Path(__file__).parents[2]
_PINNED: Final = _ROOT / "requirements" / "peers.txt"
_HOME: Final = _ROOT / "build" / "peers"
_CHILD: Final = Path(__file__).with_name("peers_child.py")
_PYTHON: Final = _HOME / "bin" / "python"
_INSTALL_SECONDS_MAX: Final = 300
_SCAN_SECONDS_MAX: Final = 120
_SAID_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What a peer is to look for, in which texts, and how often in one round."""

    patterns: Sequence[str]
    words: Sequence[str]
    texts: Sequence[str]
    count: int


def prepare() -> None:
    """Make the environment, unless it is there. Raises `Unavailable`."""
    marker = _HOME / "installed"
    if marker.exists() and marker.read_bytes() == _PINNED.read_bytes():
        return
    sys.stderr.write(f"Installing the peers into {_HOME.relative_to(_ROOT)} (once, a minute) …\n")
    _run([sys.executable, "-m", "venv", "--clear", str(_HOME)], "", _INSTALL_SECONDS_MAX)
    pip = [str(_PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    wanted = ["--no-deps", "--require-hashes", "-r", str(_PINNED)]
    _run([*pip, *wanted], "", _INSTALL_SECONDS_MAX)
    marker.write_bytes(_PINNED.read_bytes())


def seconds_of_peer(peer: str, asked: Asked) -> list[float]:
    """The median seconds that `peer` takes for each text. Raises `Unavailable`."""
    texts = [[text, asked.count] for text in asked.texts]
    question = {"peer": peer, "patterns": asked.patterns, "words": asked.words, "texts": texts}
    # Isolated, or this folder's modules would be on its path.
    said = _run([str(_PYTHON), "-I", str(_CHILD)], json.dumps(question), _SCAN_SECONDS_MAX)
    return [float(each) for each in json.loads(said)]


def _run(command: Sequence[str], question: str, seconds_max: float) -> str:
    try:
        done = subprocess.run(
            command, input=question, capture_output=True, text=True, check=True, timeout=seconds_max
        )
    except subprocess.CalledProcessError as error:
        raise Unavailable(error.stderr.strip()[-_SAID_CHARS:].replace("\n", " ")) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{type(error).__name__}: {error}"[:_SAID_CHARS]) from None
    return done.stdout
