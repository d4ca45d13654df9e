"""The command line, and the only place where everything is put together."""

import time
from typing import Final

STARTED: Final = time.monotonic()
"""When this process began, nearly: nothing heavy has been imported yet."""
