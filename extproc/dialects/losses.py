"""What a conversation asks for that the provider's dialect, or the model behind it, has no word for."""

from collections.abc import Collection

from extproc.domain.errors import UnsupportedFeature


def cannot_carry(who: str, paths: Collection[str]) -> UnsupportedFeature:
    """The one error for all fields that are lost; ``who``: the dialect, in words."""
    return UnsupportedFeature(
        f"this model's provider ({who}) cannot carry: {', '.join(paths)}. Remove what is named,"
        " or let the gateway leave it out with drop_unsupported.",
        param=next(iter(paths)),
    )


class Losses:
    """Collects the request's fields that are not carried, so that one error names them all.

    Paths are spelled as in OpenAI's API (``reasoning_effort``, ``stop``), for a client of the provider's own dialect is
    never translated. Some losses are *refused*, for the answer would not be what was asked for; others are only *told*:
    hints about how, which change nothing in what is asked. ``who``: the dialect, in words.
    """

    __slots__ = ("_paths", "_refused", "_who")

    def __init__(self, who: str = "another dialect") -> None:
        self._who = who
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
            raise cannot_carry(self._who, self._refused)
        return tuple(self._paths)
