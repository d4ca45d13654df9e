"""Function Compute on this machine.

    SDK, s deploy ──/2023-03-30/…──▶ api_v3 ──▶ account ◀── pools of instances (real processes)
    callers ──Host: <trigger>.<region>.fcapp.run──▶ data plane ──▶ an instance's own HTTP server

    model        what exists, and its limits: no HTTP     account      all of it, found by name
    access       who may use a trigger                    pools        instances: shared, started
    api_v3       the FC 3.0 dialect over the account      instances    one process, start to end
    api_v2       the 2016-08-15 dialect, over the same    processes    groups that surely end
    entrances    triggers, domains, the proxy path        signature    who may use what is signed
    data_plane   requests to instances, passed through    guardian     ends them if we are killed
    invocations  InvokeFunction, of any dialect           server       listeners and signals
    events       asynchronous invocations                 runtimes     what command runs a function
    application  tells all of them apart, words errors    memory       theirs, held to its limit
    http         HTTP/1.1, for both sides of the plane    capacity     the account's instances
    objects      packages by way of OSS (uploads)         coverage     the page on what is emulated
    control      the emulator's own API, for testers      faults, clock, reload: what it orders
    console      commands inside instances                deadlines    time limits of calls
    mock         all of it inside a test, without a port  store        the account on disk
    settings     what it is started with

`python -m infra.emulator --help` starts it. What is not emulated answers 501 with its name.
"""
