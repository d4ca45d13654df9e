"""Hypothesis without a clock: a busy machine is no counterexample."""

from hypothesis import settings

settings.register_profile("meshward", deadline=None)
settings.load_profile("meshward")
