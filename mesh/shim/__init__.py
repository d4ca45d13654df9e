"""The Wasm plugin: Zig sources, and the step that builds them (`build.py`)."""
