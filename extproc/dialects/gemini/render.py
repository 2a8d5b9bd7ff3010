"""``Conversation`` → request JSON. Counterpart: ``parse.py``.

Source: https://ai.google.dev/api/generate-content, https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference.
Neither the model nor whether to stream is in the body: both are in the path.
"""

from extproc.dialects.base import Rendered, RenderOptions
from extproc.dialects.gemini.losses import Losses
from extproc.dialects.gemini.models import traits_of
from extproc.dialects.gemini.render_media import Block
from extproc.dialects.gemini.render_options import (
    note_losses,
    render_generation,
    render_own,
    render_tier,
    render_tools,
)
from extproc.dialects.gemini.render_turns import render_turns
from extproc.domain.conversation import Conversation


def render_request(conversation: Conversation, options: RenderOptions) -> Rendered:
    """The body of a ``generateContent`` request.

    Raises ``UnsupportedFeature`` naming every field that cannot be carried, unless they may be dropped, and
    ``InvalidRequest`` where no message has content, a tool call's arguments are not a JSON object, or a result belongs
    to no call.
    """
    losses = Losses()
    traits = traits_of(options.known_as or conversation.model)
    note_losses(conversation, traits, losses)
    system, contents = render_turns(conversation.messages, traits, losses)
    body: Block = {}
    if system:
        body["systemInstruction"] = {"parts": system}
    body["contents"] = contents
    body |= render_tools(conversation, traits, losses)
    if generation := render_generation(conversation, traits, losses):
        body["generationConfig"] = generation
    body |= render_own(conversation, traits, losses)
    body |= render_tier(conversation, losses)
    return Rendered(body, losses.settle(drop=options.drop_unsupported))
