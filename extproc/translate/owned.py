"""Responses that a provider keeps, and whose they are: ids that only the team, or the key, they were given to can use.

A vendor serves ``previous_response_id`` to everybody behind the same account, with all that was said before. So an id
leaves the gateway with a mark of whom it was given to, and comes back only from them; the vendor sees its own id. The mark
rests on a secret that every replica has and nobody else: nothing has to be kept. Without one no id comes back.
https://platform.openai.com/docs/guides/conversation-state
"""

import hmac
from dataclasses import replace
from hashlib import sha256

from extproc.dialects.base import Frame, StreamReader
from extproc.domain.answer import Started
from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass

FIELD = "previous_response_id"
_MARK = 20
"""Hexadecimal digits: 80 bits, of which nobody guesses one."""


@valueclass
class Owner:
    """To whom ids are given. ``secret``: what only the gateway knows; None: nothing, so ids are only told."""

    secret: bytes | None
    name: str

    def marked(self, response_id: str) -> str:
        """The id as the client gets it."""
        return response_id if self.secret is None else f"{response_id}.{self._mark(response_id, self.secret)}"

    def bare(self, marked: str) -> str:
        """The provider's id. Raises ``InvalidRequest`` where it was given to somebody else, or by nobody here."""
        if self.secret is None:
            raise InvalidRequest(
                f"{FIELD} does not work with this provider: the gateway has no secret (the option `secret`) to tell by"
                " whose responses they are. Send the whole input instead.",
                param=FIELD,
            )
        response_id, dot, mark = marked.rpartition(".")
        if not dot or not hmac.compare_digest(mark.encode(), self._mark(response_id, self.secret).encode()):
            raise InvalidRequest(
                f"{FIELD} is none that this key, or its team, was given by this provider through the gateway. Send the"
                " whole input instead.",
                param=FIELD,
            )
        return response_id

    def _mark(self, response_id: str, secret: bytes) -> str:
        said = f"{self.name}\n{response_id}".encode()
        return hmac.new(secret, said, sha256).hexdigest()[:_MARK]

    def shown(self, parsed: JsonObject) -> dict[bytes, bytes]:
        """The ids that a request brings: as the provider knows them → as the client does."""
        said = parsed.get(FIELD)
        return {self.bare(said).encode(): said.encode()} if isinstance(said, str) else {}

    def edits(self, parsed: JsonObject) -> dict[str, Json]:
        """What to change in a request. Raises ``InvalidRequest``."""
        said = parsed.get(FIELD)
        return {FIELD: self.bare(said)} if isinstance(said, str) else {}

    def tell(self, body: bytes, response_id: str | None, parsed: JsonObject) -> bytes:
        """A whole answer to the request ``parsed``, with ids as the client knows them."""
        ids = self.shown(parsed)
        if response_id:
            ids[response_id.encode()] = self.marked(response_id).encode()
        return _respelt(body, ids)


class OwnedReader:
    """A ``StreamReader`` of the client's own dialect whose bytes tell ids as the client knows them."""

    __slots__ = ("_ids", "_owner", "_reader")

    def __init__(self, reader: StreamReader, owner: Owner, parsed: JsonObject) -> None:
        self._reader = reader
        self._owner = owner
        self._ids = owner.shown(parsed)

    def feed(self, data: bytes) -> list[Frame]:
        """See ``StreamReader``."""
        return [self._told(frame) for frame in self._reader.feed(data)]

    def finish(self) -> list[Frame]:
        """See ``StreamReader``."""
        return [self._told(frame) for frame in self._reader.finish()]

    def _told(self, frame: Frame) -> Frame:
        for event in frame.events:
            if isinstance(event, Started) and event.id:
                self._ids[event.id.encode()] = self._owner.marked(event.id).encode()
        raw = _respelt(frame.raw, self._ids)
        return frame if raw is frame.raw else replace(frame, raw=raw)


def _respelt(data: bytes, ids: dict[bytes, bytes]) -> bytes:
    for bare, marked in ids.items():
        if bare in data:
            data = data.replace(b'"%b"' % bare, b'"%b"' % marked)
    return data
