"""``Conversation`` → request JSON. Counterpart: ``parse.py``.

Source: https://ai.google.dev/api/generate-content, https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference.
Neither the model nor whether to stream is in the body: both are in the path.
"""

from extproc.dialects.base import Rendered, RenderOptions
from extproc.dialects.gemini.call_ids import without_call_ids
from extproc.dialects.gemini.models import traits_of
from extproc.dialects.gemini.render_media import Block
from extproc.dialects.gemini.render_options import (
    note_losses,
    render_generation,
    render_own,
    render_tier,
    render_tools,
)
from extproc.dialects.gemini.render_turns import LEFT_OUT, render_turns
from extproc.dialects.losses import Losses, nothing_said
from extproc.domain.conversation import Conversation


def render_request(conversation: Conversation, options: RenderOptions) -> Rendered:
    """The body of a ``generateContent`` request.

    Raises ``UnsupportedFeature`` naming every field that cannot be carried, unless they may be dropped, and
    ``InvalidRequest`` where no message has content, or a result belongs to no call.
    """
    losses = Losses("Gemini dialect", conversation)
    traits = traits_of(options.known_as or conversation.model)
    note_losses(conversation, traits, losses)
    system, contents = render_turns(conversation.messages, traits, losses)
    body: Block = {}
    if system:
        body["systemInstruction"] = {"parts": system}
    body["contents"] = contents if options.call_ids else without_call_ids(contents)
    body |= render_tools(conversation, traits, losses)
    if generation := render_generation(conversation, traits, losses):
        body["generationConfig"] = generation
    body |= render_own(conversation, traits, losses)
    body |= render_tier(conversation, losses)
    if not contents:
        if not losses.refused:
            raise nothing_said(conversation)
        body["contents"] = [LEFT_OUT]
    return Rendered(body, losses.settle(drop=options.drop_unsupported))
