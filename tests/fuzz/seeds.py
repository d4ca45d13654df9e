"""What fuzzing starts from: the evasions, bodies of every shape, and streams."""

import json
from collections.abc import Iterator

from functions.prompt.codings import encode_body
from tests.support import streams
from tests.support.disguises import CASES, NEEDLES, PLACES


def seeds(target: str) -> Iterator[bytes]:
    """Inputs for a target of `targets.TARGETS`."""
    if target == "stream":
        yield streams.chat(["13800", "138000", " 账号"])
        yield b'id: 1\r\nevent: a\r\ndata: {"a": "b"}\r\n\r\ndata: [DONE]\n\n'
        return
    if target == "text":
        for _, needle, disguise in CASES:
            yield disguise(NEEDLES[needle]).encode()
        return
    bodies = [
        json.dumps(place(f"{word}a", word)).encode()
        for place in PLACES.values()
        for word in ("x", "账")
    ]
    if target != "message":
        yield from bodies
        return
    yield from (b"\0\0" + each for each in bodies)
    for coding in range(1, 5):
        yield bytes((0, coding)) + encode_body(
            bodies[0], ("", "gzip", "deflate", "br", "zstd")[coding]
        )
    yield b'\2\0--cut\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n--cut--\r\n'
    yield b"\1\0a=%E8%B4%A6&b=c"
