"""Content that is not text, or only points to content elsewhere: nothing that a check can read.

    {"image_url": {"url": "https://…"}}    {"type": "file", "file": {"file_id": "…"}}
    {"source": {"type": "base64", …}}      {"prompt": [50256, 318]}        (token ids)

A tool's schema may have a property named `image`; it is no reference, since it points nowhere.
"""

from typing import Final

from functions.prompt.strict_json import Json

_FIELDS: Final = frozenset(
    {"audio", "container_id", "file", "file_data", "file_id", "file_ids", "file_url", "image"}
    | {"image_url", "images", "input_audio", "input_image", "video", "video_url"}
)
_POINTING: Final = frozenset({"data", "file_data", "file_id", "file_url", "id", "url"})
_SOURCES: Final = frozenset({"base64", "file", "url"})
_TOKEN_FIELDS: Final = frozenset({"input", "prompt"})
_REFERRING: Final = _FIELDS | _TOKEN_FIELDS | {"source"}


def holds_references(value: Json) -> bool:
    """Whether a parsed body holds images, sound, files, references to them, or token ids."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key in _REFERRING and _refers(key, part):
                return True
            if isinstance(part, dict | list) and holds_references(part):
                return True
    elif isinstance(value, list):
        for part in value:
            if isinstance(part, dict | list) and holds_references(part):
                return True
    return False


def _refers(key: str, part: Json) -> bool:
    if key in _FIELDS:
        return _points(part)
    if key == "source":  # Anthropic's blocks
        return isinstance(part, dict) and part.get("type") in _SOURCES
    return key in _TOKEN_FIELDS and _holds_tokens(part)


def _points(part: Json) -> bool:
    if isinstance(part, list):
        return any(map(_points, part))
    if isinstance(part, dict):
        return any(key in _POINTING and isinstance(part[key], str) for key in part)
    return isinstance(part, str) and part != ""


def _holds_tokens(part: Json) -> bool:
    if isinstance(part, list):
        return any(isinstance(each, int) or _holds_tokens(each) for each in part)
    return False
