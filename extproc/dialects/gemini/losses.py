"""What a conversation asks for that this dialect has no word for."""

from extproc.domain.errors import UnsupportedFeature


class Losses:
    """Collects the request's fields that are not carried, so that one error names them all.

    Paths are spelled as in OpenAI's API (``reasoning_effort``, ``stop``), for a client that speaks Gemini to a Gemini
    provider is never translated. Some losses are *refused*, for the answer would not be what was asked for; others are
    only *told*: hints about how, which change nothing in what is asked.
    """

    __slots__ = ("_paths", "_refused")

    def __init__(self) -> None:
        self._paths: dict[str, None] = {}
        self._refused: dict[str, None] = {}

    def refuse(self, path: str) -> None:
        """The field matters: without ``drop_unsupported`` the request fails."""
        self._paths[path] = None
        self._refused[path] = None

    def tell(self, path: str) -> None:
        """The field is a hint: it is left out or weakened, and named."""
        self._paths[path] = None

    @property
    def refused(self) -> bool:
        """Whether a field that matters is among them."""
        return bool(self._refused)

    def settle(self, *, drop: bool) -> tuple[str, ...]:
        """All paths, for ``Rendered.dropped``. Raises ``UnsupportedFeature`` if one is refused and may not be dropped."""
        if self._refused and not drop:
            names = ", ".join(self._refused)
            raise UnsupportedFeature(
                f"this model's provider (Gemini dialect) cannot carry: {names}. Remove what is named,"
                " or let the gateway leave it out with drop_unsupported.",
                param=next(iter(self._refused)),
            )
        return tuple(self._paths)
