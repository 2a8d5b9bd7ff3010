"""What a walk over a request counts, and the helpers that every dialect's walk shares."""

from dataclasses import dataclass

from extproc.accounting.images import WORST_IMAGE
from extproc.accounting.servertools import ToolBound
from extproc.domain.errors import UnboundedCost
from extproc.domain.reading import Json, JsonObject

MESSAGE_TOKENS = 8
"""Framing of a message, beyond the 25 bytes that its JSON has at least. Published for OpenAI: 3."""


@dataclass(slots=True)
class Tally:
    """What a walk has found so far."""

    payload: int = 0
    """Bytes that are no text: base64 of images, documents, audio; tokens written as numbers."""
    framing: int = 0
    """Tokens that vendors add around what was sent, and those that were sent as such."""
    messages: int = 0
    images: int = 0
    whole_window: str | None = None
    """The path of a part whose tokens its bytes do not bound: the context window has to."""
    kept: str | None = None
    """The path of an item that stands for what the vendor keeps, and for nothing where another one is asked."""
    cached: bool = False
    cached_1h: bool = False
    uses: int = 0
    searches: int = 0
    file_searches: int = 0
    inputs: int = 1
    """Prompts in one request, each of which is answered (Completions)."""

    def unbounded(self, path: str) -> None:
        """Only the context window bounds this part."""
        self.whole_window = self.whole_window or path

    def turns(self, count: int) -> None:
        """So many messages, or what stands for them."""
        self.messages += count
        self.framing += count * MESSAGE_TOKENS

    def mark(self, mark: Json, path: str) -> None:
        """A cache mark: Anthropic's ``cache_control``, or OpenAI's ``prompt_cache_breakpoint``."""
        ttl = mark.get("ttl") if isinstance(mark, dict) else None
        if ttl == "12h":
            raise UnboundedCost(
                f"{path}.ttl 12h has no published price. Take 30m, or leave it out.", param=f"{path}.ttl"
            )
        self.cached = True
        # OpenAI's 30m becomes Anthropic's 1h where a request is translated.
        self.cached_1h = self.cached_1h or ttl in ("1h", "30m")

    def tool(self, found: ToolBound, path: str) -> None:
        """A tool of the request."""
        self.framing += found.tokens
        self.searches += found.searches
        self.file_searches += found.file_searches
        self.uses += found.uses
        if found.uses:
            self.unbounded(path)


def image_bound(tally: Tally) -> int:
    """Tokens of all images, whatever model reads them."""
    return tally.images * WORST_IMAGE


def kind_of(part: JsonObject) -> str:
    """The ``type`` of a part, an item or a tool; empty where it is none."""
    kind = part.get("type")
    return kind if isinstance(kind, str) else ""


def data_bytes(holder: Json, *names: str) -> int:
    """The length of base64 in a member of an object; base64 is ASCII, a byte for each character."""
    if not isinstance(holder, dict):
        return 0
    return sum(len(data) for name in names if isinstance(data := holder.get(name), str))
