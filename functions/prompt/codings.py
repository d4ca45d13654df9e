"""Content codings of a body: gzip, deflate, br and zstd, undone within bounds and done again.

    content-encoding: gzip, br     the last was applied last and is undone first

Libraries are loaded by the first message that needs them: most bodies come plain.
"""

import zlib
from collections.abc import Callable
from typing import Final

from functions.prompt.strict_json import MalformedMessage, TooLarge

DECODED_BYTES_MAX: Final = 4 * 1024 * 1024
"""Four times the largest plain body; a bomb of a few kilobytes stops here."""
_CODINGS_MAX: Final = 2


def decode_body(body: bytes, content_encoding: str) -> bytes:
    """The body with its codings undone.

    Raises `MalformedMessage` for a coding that is not known and for a body that is cut, damaged or
    followed by anything; `TooLarge` where it grows beyond bounds.
    """
    for name in reversed(_names(content_encoding)) if content_encoding else ():
        body = _DECODERS[name](body)
        if len(body) > DECODED_BYTES_MAX:
            raise TooLarge(f"the body decodes to more than {DECODED_BYTES_MAX} bytes")
    return body


def encode_body(body: bytes, content_encoding: str) -> bytes:
    """The body with the codings applied, for a message that was changed."""
    for name in _names(content_encoding):
        body = _ENCODERS[name](body)
    return body


def _names(content_encoding: str) -> list[str]:
    names = [name.strip().lower() for name in content_encoding.split(",") if name.strip()]
    names = [_ALIASES.get(name, name) for name in names if name != "identity"]
    if len(names) > _CODINGS_MAX or any(name not in _DECODERS for name in names):
        known = ", ".join(sorted(_DECODERS))
        raise MalformedMessage(
            f"the body's content encoding is not read; send it plain, or {known}"
        )
    return names


def _damaged() -> MalformedMessage:
    return MalformedMessage("the body is not of the content encoding that it is declared with")


def _inflated(body: bytes, window_bits: int) -> bytes:
    inflater = zlib.decompressobj(window_bits)
    try:
        decoded = inflater.decompress(body, DECODED_BYTES_MAX + 1)
    except zlib.error:
        raise _damaged() from None
    # A second member, or bytes behind the end, would be read by some servers and not by others.
    if len(decoded) <= DECODED_BYTES_MAX and (not inflater.eof or inflater.unused_data):
        raise _damaged()
    return decoded


def _from_gzip(body: bytes) -> bytes:
    return _inflated(body, 16 + zlib.MAX_WBITS)


def _from_deflate(body: bytes) -> bytes:
    return _inflated(body, zlib.MAX_WBITS)


def _from_br(body: bytes) -> bytes:
    import brotli  # noqa: PLC0415

    decoder = brotli.Decompressor()
    try:
        decoded = bytes(decoder.process(body, output_buffer_limit=DECODED_BYTES_MAX + 1))
    except brotli.error:
        raise _damaged() from None
    if len(decoded) <= DECODED_BYTES_MAX and not decoder.is_finished():
        raise _damaged()
    return decoded


def _from_zstd(body: bytes) -> bytes:
    import zstandard  # noqa: PLC0415

    decoder = zstandard.ZstdDecompressor(max_window_size=DECODED_BYTES_MAX * 2)
    try:
        with decoder.stream_reader(body, read_across_frames=False) as reader:
            decoded = reader.read(DECODED_BYTES_MAX + 1)
        whole = zstandard.ZstdDecompressor(max_window_size=DECODED_BYTES_MAX * 2).decompressobj()
        if len(decoded) <= DECODED_BYTES_MAX:
            whole.decompress(body)
    except zstandard.ZstdError:
        raise _damaged() from None
    if len(decoded) <= DECODED_BYTES_MAX and (not whole.eof or whole.unused_data):
        raise _damaged()
    return decoded


def _to_gzip(body: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    return deflater.compress(body) + deflater.flush()


def _to_br(body: bytes) -> bytes:
    import brotli  # noqa: PLC0415

    return bytes(brotli.compress(body, quality=4))


def _to_zstd(body: bytes) -> bytes:
    import zstandard  # noqa: PLC0415

    return zstandard.ZstdCompressor().compress(body)


_ALIASES: Final = {"x-gzip": "gzip"}
_DECODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": _from_gzip,
    "deflate": _from_deflate,
    "br": _from_br,
    "zstd": _from_zstd,
}
_ENCODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": _to_gzip,
    "deflate": zlib.compress,
    "br": _to_br,
    "zstd": _to_zstd,
}
