"""In what servers of OpenAI's API differ from OpenAI, as far as requests have to heed it.

Whose quirks they are is data of ``extproc.config``; ``extproc.dialects`` and ``extproc.translate`` heed them.
"""

from extproc.domain.valueclass import valueclass

OPENAI_STOPS = 4
"""Stop sequences that OpenAI takes. https://platform.openai.com/docs/api-reference/chat/create#chat-create-stop"""

OPENAI_LEAST_OUTPUT = 16
"""The smallest ``max_output_tokens`` that OpenAI takes.

https://developers.openai.com/api/reference/resources/responses/methods/create
"""


@valueclass
class ChatQuirks:
    """The ways of one server. The default is OpenAI itself."""

    developer_role: bool = True
    """It knows messages of role ``developer``; others refuse them, or pass them over in silence."""
    joined_text: bool = False
    """We send it content that is nothing but text as one string, which all servers take."""
    refuses_text_lists: bool = False
    """It takes nothing else, so what clients send is joined, too."""
    short_call_ids: bool = False
    """It takes only ids of tool calls that are nine letters and digits."""
    results_answered: bool = False
    """It wants a message of the assistant between results of tools and what is said next."""
    max_stops: int | None = OPENAI_STOPS
    """Stop sequences it takes; None: that is for it to say."""
    least_output: int = OPENAI_LEAST_OUTPUT
    """The smallest output limit that its Responses API takes."""
    model_rules: bool = True
    """It refuses what OpenAI's models refuse by their names (``extproc.dialects.openai_models``)."""


OPENAI = ChatQuirks()
COMPATIBLE = ChatQuirks(developer_role=False, joined_text=True, max_stops=None, least_output=0, model_rules=False)
"""A server of which nothing more is known."""
