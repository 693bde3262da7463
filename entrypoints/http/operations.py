"""What the documentation says of a route; it stands beside the handler, in its ``opt``."""

from collections.abc import Mapping

from attrs import frozen

from entrypoints.http.decoding import Shape

NOTHING = Shape("Nothing", ())
CSV = "text/csv"
TEXT = "text/plain"


@frozen(kw_only=True)
class Operation:
    #: snake_case; SDKs name their methods after it.
    id: str
    tag: str
    summary: str
    #: Name of the answer's schema; None: no body.
    answers: str | None
    status: int = 200
    #: Of the answer, where it is not JSON.
    media_type: str = "application/json"
    #: What else Accept may ask for.
    other_media_type: str | None = None
    description: str = ""
    body: Shape | None = None
    query: Shape | None = None
    #: Needs somebody to be logged in, or an API key.
    is_public: bool = False
    needs_idempotency_key: bool = False
    #: Carries rate fields, and is 429 for whoever asks too often.
    is_limited: bool = True
    #: Does not change anything, although it is a POST.
    is_read: bool = False
    #: Waits for the database and for nobody else, so that a few threads serve many of it: each
    #: further one takes the interpreter from the others.
    is_brief: bool = False
    #: Other good answers, all without a body: status, and what it means.
    empty: Mapping[int, str] = {}
    #: Carries an ETag, and is 304 for whoever has it.
    is_polled: bool = False
    #: Name of the schema of a 202: what was asked for is not there yet, and comes by itself.
    awaits: str | None = None
    #: Codes beside those that every route may answer.
    codes: tuple[str, ...] = ()

    @property
    def opt(self) -> Mapping[str, object]:
        return {"operation": self}
