"""Function Compute on this machine.

    SDK, s deploy ──/2023-03-30/…──▶ api_v3 ──▶ account ◀── pools of instances (real processes)
    callers ──Host: <trigger>.<region>.fcapp.run──▶ data plane ──▶ an instance's own HTTP server

    model        functions, triggers, limits: no HTTP     account      all of them, and their code
    access       who may use a trigger                    pools        instances: shared, started
    api_v3       the FC 3.0 dialect over the account      instances    one process, start to end
    signature    who may use the control plane            processes    groups that surely end
    data_plane   requests to instances, passed through    guardian     ends them if we are killed
    application  tells the two apart, words errors        server       listeners and signals
    http         HTTP/1.1, for both sides of the plane    runtimes     what command runs a function
    capacity     the account's instances                  memory       theirs, held to its limit
    control      the emulator's own API, for testers      faults, clock, reload: what it orders
    mock         all of it inside a test, without a port

`python -m infra.emulator --help` starts it. What is not emulated answers 501 with its name.
"""
