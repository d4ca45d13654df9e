"""The plugin, compiled for the tests' Wasm host."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from wasmtime import Config, Engine, Module


@dataclass(frozen=True)
class Compiled:
    """The plugin, compiled once for many hosts; `counts` has them count its instructions."""

    engine: Engine
    module: Module
    counts: bool = False

    @classmethod
    def of(cls, path: Path, *, counts: bool = False) -> Self:
        config = Config()
        config.consume_fuel = counts
        engine = Engine(config)
        return cls(engine, Module.from_file(engine, str(path)), counts)
