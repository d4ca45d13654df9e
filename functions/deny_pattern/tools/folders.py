"""A folder of policies, opened as the function opens it, and kept compiled for the next time."""

import contextlib
import os
from pathlib import Path

from functions.deny_pattern.compiled import ENGINE, CompiledPolicy, take_up
from functions.deny_pattern.preparing import made
from functions.policy import Policies, PolicyError
from functions.policy.prepared import NotPrepared, fingerprint, parse, policy_files
from functions.policy.preparing import prepare


def opened(folder: Path, cache: Path | None = None) -> Policies[CompiledPolicy]:
    """All policies of `folder`, compiled and tried; `cache` is a file of the caller's own.

    Raises `PolicyError`.
    """
    if not folder.is_dir():
        raise PolicyError(f"{folder}: is no folder; give one with policies (*.yaml)")
    if cache is not None:
        _keep(folder, cache)
    policies = Policies(folder, take_up, ENGINE, cache)
    policies.reload()
    return policies


def chosen(folder: Path, name: str) -> list[Path]:
    """The file of the policy `name`, or all files where the name is empty.

    Raises `PolicyError` where there is none.
    """
    paths = policy_files(folder)
    if not paths:
        raise PolicyError(f"{folder}: holds no policy (*.yaml)")
    found = [path for path in paths if name in ("", path.stem)]
    if not found:
        known = ", ".join(path.stem for path in paths)
        raise PolicyError(f"{folder}: holds no policy {name}; there are {known}")
    return found


def _keep(folder: Path, cache: Path) -> None:
    """Have in `cache` what the folder is now."""
    try:
        next(parse(cache.read_bytes(), fingerprint(folder, ENGINE)), None)
    except (NotPrepared, OSError):
        data = prepare(folder, ENGINE, made)
        with contextlib.suppress(OSError):  # Where it cannot be kept, it is made each time.
            cache.parent.mkdir(parents=True, exist_ok=True)
            fresh = cache.with_name(f".{cache.name}.{os.getpid()}")
            fresh.write_bytes(data)
            fresh.replace(cache)
