"""Objects of OSS, as far as deployments need them: packages, put in a temporary bucket.

tempBucketToken ──▶ bucket, object name, credentials that are good for nothing else
PUT /<object> (Host: <bucket>.oss-<region>.…) ──▶ kept ──▶ code: {ossBucketName, ossObjectName}
"""

import contextlib
import hashlib
import secrets
import time
from pathlib import Path
from typing import Final

from infra.emulator.errors import FcError, unavailable

_UNUSED_SECONDS_MAX: Final = 3600.0
BYTES_MAX: Final = 500 * 1024 * 1024
"""Of a package sent by way of OSS (Limits page)."""
BUCKET: Final = "tmp-code"
_GRANTED_MAX: Final = 1000


class Objects:
    """The objects in a folder. Those of one name replace one another; old ones go."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._granted: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def grant(self, name: str) -> str:
        """A token with which that one object may be put into the bucket, once."""
        token = secrets.token_urlsafe(32)
        self._granted[token] = name.strip("/")
        while len(self._granted) > _GRANTED_MAX:
            self._granted.pop(next(iter(self._granted)))
        return token

    def put(self, bucket: str, name: str, token: str, content: bytes) -> None:
        """Keep what somebody sends, if the token is for it."""
        if bucket != BUCKET or self._granted.pop(token, None) != name.strip("/"):
            what = "x-oss-security-token is not one that was given for this object"
            raise FcError(403, "AccessDenied", what)
        self.write(bucket, name, content)

    def write(self, bucket: str, name: str, content: bytes) -> None:
        """Keep an object."""
        path = self._path(bucket, name)
        fresh = path.with_suffix(".new")
        try:
            fresh.write_bytes(content)
            fresh.rename(path)
        except OSError as error:
            raise unavailable(f"no object can be kept in {self._folder}", error) from None

    def read(self, bucket: str, name: str) -> bytes:
        """An object, or InvalidArgument as the platform says it where code is not found."""
        try:
            return self._path(bucket, name).read_bytes()
        except OSError:
            what = f"code.ossObjectName: {name[:200]!r} is not in the bucket {bucket[:100]!r}"
            raise FcError(400, "InvalidArgument", what) from None

    def tidy(self) -> None:
        """Remove what nobody has put for an hour."""
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # Just renamed, when it was written.
                if time.time() - path.stat().st_mtime > _UNUSED_SECONDS_MAX:
                    path.unlink()

    def _path(self, bucket: str, name: str) -> Path:
        # Names are anybody's: only their hash becomes a path.
        digest = hashlib.sha256(f"{bucket}\0{name.strip('/')}".encode()).hexdigest()
        return self._folder / f"{digest}.object"
