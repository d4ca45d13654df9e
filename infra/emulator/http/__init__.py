"""HTTP/1.1 as the emulator needs it: bytes handed on as they come.

    caller ══▶ server.Connection ─▶ Exchange.body ══attach══▶ client.Connection ══▶ instance
    caller ◀══ Exchange ◀══attach══ Answer.body ◀───────────  client.Connection ◀══ instance

    body         a message's body on its way: held, handed on, or read whole; slowed and ended
    server       the callers' side: connections, one exchange after the other
    exchange     one request, and its answer as it is written
    client       the instances' side: one request after the other
    connections  those to one instance, kept between requests
    asgi         the control plane's application behind an exchange
    framing      how a message's end is marked, and heads as bytes
    websocket    frames, for an exchange that has switched to them

Parsing is httptools' (llhttp, strict). Both sides run in one event loop; between them there is no
task and no queue: what one transport reads, the other writes, and a slow one pauses its neighbour.
"""
