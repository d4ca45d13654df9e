"""Function Compute on this machine.

    SDK, s deploy ──/2023-03-30/…──▶ api_v3 ──▶ model ◀── pools of instances (real processes)
    callers ──Host: <trigger>.<region>.fcapp.run──▶ data plane ──▶ an instance's own HTTP server

    model       functions, triggers, limits: no HTTP       instances  a process each, and their pool
    api_v3      the FC 3.0 dialect over the model          access     who may use a trigger
    data_plane  requests to instances, passed through      server     the application and its start

`python -m infra.emulator --help` starts it. What is not emulated answers 501 with its name.
"""
