"""HTTP/1.1 as llm-guard needs it: requests with a body, to one place, over kept connections.

Client ──▶ Place   where it is: addresses, TLS
   │
   └─────▶ Line    one connection: a request out, its Answer in, one after the other

HttpError
  ├─ Unreachable   no connection to it
  ├─ BrokenOff     the connection ended early, or what came over it was no HTTP
  └─ TooLarge      a body of more bytes than are taken
"""

from functions.llm_guard.http.client import FRAMING, Client
from functions.llm_guard.http.line import Answer, BrokenOff, HttpError, TooLarge
from functions.llm_guard.http.place import Place, Unreachable

__all__ = [
    "FRAMING",
    "Answer",
    "BrokenOff",
    "Client",
    "HttpError",
    "Place",
    "TooLarge",
    "Unreachable",
]
