"""Keeps keys and tokens of a bootstrap out of logs and off the disk.

bootstrap ──private_file──▶ a file of mode 0600 in a folder of mode 0700, gone with the block
log line ──Redactor──▶ the same line with … for every secret of the bootstrap
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_SECRET_FIELDS: Final = frozenset({"key", "keys", "token", "signing_secrets"})
"""Of the shim's configuration; whatever else it holds may be read by anyone."""
_SECRET_CHARACTERS_MIN: Final = 4
"""Less is nothing to keep, and replacing it everywhere would leave no line readable."""
_SHOWN: Final = "…"


class Redactor:
    """Replaces the secrets that a bootstrap's plugin configurations hold."""

    def __init__(self, bootstrap: Mapping[str, Any]) -> None:
        found = _secrets(bootstrap)
        plain = {secret for secret in found if len(secret) >= _SECRET_CHARACTERS_MIN}
        # Envoy quotes configurations, where JSON stands within JSON.
        once = {json.dumps(secret, ensure_ascii=False)[1:-1] for secret in plain}
        twice = {json.dumps(secret, ensure_ascii=False)[1:-1] for secret in once}
        # The longest first, lest a part of it be replaced and the rest be shown.
        self._hidden = sorted(plain | once | twice, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without the secrets."""
        for secret in self._hidden:
            text = text.replace(secret, _SHOWN)
        return text


@contextmanager
def private_file(bootstrap: Mapping[str, Any]) -> Iterator[Path]:
    """A JSON file that its owner alone can read, and that is gone when the block is left."""
    with tempfile.TemporaryDirectory(prefix="meshward-envoy-") as folder:  # mode 0700
        path = Path(folder) / "bootstrap.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(bootstrap), encoding="utf-8")
        yield path


def _secrets(node: Any, *, secret: bool = False) -> Iterator[str]:  # noqa: ANN401 -- any JSON node
    """Every string below a secret field, also of JSON documents within strings."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _secrets(value, secret=secret or name in _SECRET_FIELDS)
    elif isinstance(node, list):
        for value in node:
            yield from _secrets(value, secret=secret)
    elif isinstance(node, str) and secret:
        yield node
    elif isinstance(node, str) and node.lstrip().startswith("{"):
        try:
            inner = json.loads(node)
        except ValueError:
            return  # It only looks like JSON.
        yield from _secrets(inner)
