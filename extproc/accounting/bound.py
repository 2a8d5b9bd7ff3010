"""What a request can come to: ``Bound`` before its price is known, ``Quote`` on one tariff. ``bounds`` makes both."""

from extproc.domain.valueclass import valueclass


@valueclass
class Bound:
    """What a request can come to, whatever model serves it. Tokens."""

    input_tokens: int
    """The prompt, each image at the dearest rule there is; does not bound what ``whole_window`` names."""
    output_limit: int | None
    """The client's own, for each of ``n`` answers."""
    n: int
    extra_output: int
    """Billed as output beside the limit: a prediction that turned out wrong, a prompt that is said again."""
    searches: int
    """Uses of server tools that have a fee each."""
    cached: bool
    """Something is marked for the prompt cache."""
    cached_1h: bool = False
    """Something is marked to stay longer than the default."""
    images: int = 0
    whole_window: str | None = None
    """The field that has no bound in its bytes: the model's context window is the bound."""
    kept: str | None = None
    """Likewise, but only where the provider keeps it; to all others it is nothing."""
    rounds: int = 1
    """How often the vendor may read the prompt and write an answer: once, and once for each use of a server tool."""
    tiers: frozenset[str] | None = frozenset()
    """Service tiers that may serve it besides the standard; None: any."""
    regional: bool = False
    """It chooses where it is served, which some vendors charge for."""
    spoken: bool = False
    """It asks for audio."""
    text_bytes: int = 0
    """About the bytes of the prompt's text, without media and JSON around it; no bound. ``estimate`` learns by it."""
    tier_asked: bool = True
    """``tiers`` are what it asks for, and not what a vendor may choose where it asks for none."""
    file_searches: int = 0
    """As ``searches``, of stored files."""
    requests: int = 1
    """How often the price of a request is due."""
    sold_by: str | None = None
    """The operation, where neither tokens nor fees bound what it costs: only a price of each request does."""
    needs_price: bool = True
    """Whether a price that is not known is a reason to refuse it; else it is free then."""


@valueclass
class Quote:
    """The most that a request can cost on one tariff: ``fixed_usd + usd_per_output x output tokens granted``."""

    fixed_usd: int
    """Nano-USD: the whole prompt, predictions and fees."""
    usd_per_output: int
    """Nano-USD for one token of the output limit, in all of the answers asked for."""
    input_tokens: int
    outputs: int = 1
    """Output tokens that one token of the limit stands for: answers x rounds."""
    extra_output: int = 0
    """Output tokens beside the limit."""
