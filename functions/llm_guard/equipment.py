"""Judges and policies, made from settings: for the function, and for the tools that ask as it does.

GuardSettings ──▶ Judges      one endpoint each, one gate before all of them
folder        ──▶ Policies    whose revisions name the prompt's version and the judges' models
"""

import os
from collections.abc import Callable
from pathlib import Path
from random import SystemRandom
from typing import Final

from functions.llm_guard import prompt
from functions.llm_guard.check import JudgedPolicy, compile_policy
from functions.llm_guard.connection import connection_to
from functions.llm_guard.endpoint import Endpoint
from functions.llm_guard.gate import Gate
from functions.llm_guard.judges import Judges, Tell
from functions.llm_guard.metrics import Meter
from functions.llm_guard.settings import GuardSettings
from functions.policy import Policies, PolicyError, Prepared

_NONCE_BYTES: Final = 32


def judges_of(guard: GuardSettings, meter: Meter, tell: Tell) -> Judges:
    """All judges of the settings. `tell` hears of each call that brought no opinion."""
    # A hedge is a second connection for a call that has its place at the gate already.
    connections_max = 2 * guard.calls_max
    endpoints = [Endpoint(each, connection_to(each, connections_max)) for each in guard.judges]
    wait = None if guard.wait_ms_max is None else guard.wait_ms_max / 1000
    gate = Gate(guard.calls_max, guard.queue_max, wait)
    return Judges(endpoints, gate, meter, tell, SystemRandom(), hedge=guard.hedge)


def policies_of(folder: Path, guard: GuardSettings) -> Policies[JudgedPolicy]:
    """The policies of `folder`; nothing is in force before they are loaded."""
    models = ", ".join(each.model for each in guard.judges)
    return Policies(
        folder, _compile(len(guard.judges)), f"prompt {prompt.VERSION}, judges {models}"
    )


def _compile(judges: int) -> Callable[[Prepared], JudgedPolicy]:
    def compiled(prepared: Prepared) -> JudgedPolicy:
        """The policy, if there are as many judges as it wants to ask."""
        source = prepared.source
        policy = compile_policy(source, prepared.revision)
        quorum = policy.judge.quorum if policy.judge else None
        if quorum and quorum.ask > judges:
            what = f"judge: quorum.ask is {quorum.ask}, and {judges} are configured"
            raise PolicyError(f"{source.file}: {what}; set MESHWARD_JUDGE_2_URL and so on")
        return policy

    return compiled


def nonce() -> str:
    """Fresh random hex digits for a question's marker and canary."""
    return os.urandom(_NONCE_BYTES).hex()
