"""The whole path on one machine, as one object.

    authority ─┬▶ provider (stand-in, TLS)      judge (stand-in)
               ├▶ emulator (plain + TLS) ◀── deploy(s.yaml, packages) ── SDK
               └▶ sidecar: Envoy ◀── manifests filled with hosts, key, secret, token

Children are started first and waited for last, because most of the time goes into their imports;
in between the shim is built and the functions are packed. Everything stops in the reverse order,
whatever goes wrong. Secrets are made for the run and live in memory.
"""

import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.cli.settings import Settings
from infra.deploy import package, tokens
from infra.local.banner import GUARDED_HOST
from infra.local.certificates import LocalAuthority
from infra.local.children import Child
from infra.local.ports import LOOPBACK, Port, free_port

ROOT: Final = Path(__file__).parents[2]
