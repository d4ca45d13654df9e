"""What text a message holds: strict JSON, segments, normalising, and the shape of a denial.

body ──strict_json──▶ value ──segments──▶ Segment… ──readings──▶ texts to match, with maps back
body + spans ──edit──▶ the same body, changed there only
path ──denial──▶ the provider's error shape

`readings` needs RE2 and is imported only by the check that matches patterns.
"""

from functions.prompt.channels import Channel, Heard, StreamText, read_events, released
from functions.prompt.codings import encode_body
from functions.prompt.denial import STREAM_CONTENT_TYPE, Shape, closing, denial, shape_of
from functions.prompt.edit import CannotEdit, Edit, edit
from functions.prompt.events import Event, split
from functions.prompt.folding import fold
from functions.prompt.message import Message, model_of, read
from functions.prompt.normalise import Normalised, normalise
from functions.prompt.segments import Segment, View
from functions.prompt.strict_json import MalformedMessage, TooLarge
from functions.prompt.verdicts import denied, is_stream, open_message, unknown_policy

__all__ = [
    "STREAM_CONTENT_TYPE",
    "CannotEdit",
    "Channel",
    "Edit",
    "Event",
    "Heard",
    "MalformedMessage",
    "Message",
    "Normalised",
    "Segment",
    "Shape",
    "StreamText",
    "TooLarge",
    "View",
    "closing",
    "denial",
    "denied",
    "edit",
    "encode_body",
    "fold",
    "is_stream",
    "model_of",
    "normalise",
    "open_message",
    "read",
    "read_events",
    "released",
    "shape_of",
    "split",
    "unknown_policy",
]
