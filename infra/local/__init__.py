"""What stands in, on this machine, for the things outside it.

    provider      an OpenAI-compatible provider behind TLS
    judge         an OpenAI-compatible judge with simple rules
    ports         free ones, the usual first
    certificates  an authority for this run
    children      processes with a readiness line and a log
    readiness     whether a sidecar has its keys
    banner        what `meshward up` prints

The stand-ins say so in every answer. They are composed with the emulator and the sidecar by
`infra.cli.up`.
"""
