"""The face of the dialect: what Bedrock speaks. It only delegates."""

from extproc.dialects.base import Rendered, RenderOptions
from extproc.dialects.bedrock.errors import parse_error
from extproc.dialects.bedrock.parse import parse_answer
from extproc.dialects.bedrock.render import render_request
from extproc.dialects.bedrock.stream import BedrockStreamReader
from extproc.domain.answer import Answer
from extproc.domain.conversation import Conversation
from extproc.domain.errors import ProviderError
from extproc.domain.reading import Json


class BedrockProvider:
    """A ``ProviderDialect``: Converse and ConverseStream of Amazon Bedrock."""

    @property
    def name(self) -> str:
        """As in the configuration."""
        return "bedrock"

    def render_request(self, conversation: Conversation, options: RenderOptions) -> Rendered:
        """Raises ``UnsupportedFeature`` naming every field that cannot be carried, unless they may be dropped."""
        return render_request(conversation, options)

    def parse_answer(self, body: Json) -> Answer:
        """Raises ``ProviderBadAnswer`` where the body is not an answer of this dialect."""
        return parse_answer(body)

    def stream_reader(self, model: str = "") -> BedrockStreamReader:
        """A reader for one answer; what its counts mean differs by ``model``."""
        return BedrockStreamReader(model)

    def parse_error(self, status: int, body: bytes, *, retry_after: float | None) -> ProviderError:
        """The error behind a status of 400 and above; the vendor's message is kept. Never raises."""
        return parse_error(status, body, retry_after=retry_after)
