"""Layers: code that several functions share, by versions that never change."""

from dataclasses import dataclass

from infra.emulator.errors import invalid
from infra.emulator.model.configuration import check_name
from infra.emulator.model.packages import Code

_DESCRIPTION_CHARACTERS_MAX = 256


@dataclass(frozen=True, slots=True)
class Layer:
    """One version of a layer."""

    name: str
    version: int
    arn: str
    code: Code
    runtimes: tuple[str, ...]
    created: str
    description: str = ""
    license: str = ""
    public: bool = False

    def __post_init__(self) -> None:
        """Hold every field to the platform's limits."""
        check_name("layerName", self.name)
        if not self.runtimes:
            raise invalid("compatibleRuntime", "is required")
        if len(self.description) > _DESCRIPTION_CHARACTERS_MAX:
            raise invalid("description", f"has more than {_DESCRIPTION_CHARACTERS_MAX} characters")
