"""Tables of characters, as data: lines of characters, each with a line of what they are read as."""

from importlib.resources import files


def pairs(name: str) -> dict[str, str]:
    """The table in the file `name`: character → what it is read as."""
    text = files(__name__).joinpath(name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found: dict[str, str] = {}
    for before, after in zip(lines[::2], lines[1::2], strict=True):
        found.update(zip(before, after, strict=True))
    return found
