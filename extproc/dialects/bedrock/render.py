"""``Conversation`` → the body of Converse and ConverseStream, which are the same. Counterpart: ``parse.py``.

Source: ``ConverseRequest`` of the service model.
"""

import orjson

from extproc.dialects.base import Rendered, RenderOptions
from extproc.dialects.bedrock.families import Family, family_of
from extproc.dialects.bedrock.render_blocks import Rendering
from extproc.dialects.bedrock.render_options import note_losses, render_extras, render_inference, render_tier
from extproc.dialects.bedrock.render_reasoning import render_reasoning
from extproc.dialects.bedrock.render_tools import render_tools
from extproc.dialects.bedrock.render_turns import render_turns
from extproc.dialects.closed_schema import closed_schema
from extproc.dialects.losses import Losses, nothing_said
from extproc.dialects.turns import Block
from extproc.domain.conversation import Conversation, OutputFormat
from extproc.domain.reading import Json

_JSON_ONLY = "Respond with a JSON object only."
STOP_SEQUENCE_PATH = "/stop_sequence"
"""Where Claude says which stop sequence ended its answer: Converse hands it on to those who ask."""


def render_request(conversation: Conversation, options: RenderOptions) -> Rendered:
    """The body of a Converse request; model and streaming are in the path.

    Raises ``UnsupportedFeature`` naming every field that cannot be carried, unless they may be dropped, and
    ``InvalidRequest`` where no message has content, or a field of Bedrock's own is not an object.
    """
    losses = Losses("Bedrock Converse", conversation)
    to = Rendering(family_of(options.known_as or conversation.model), losses)
    note_losses(conversation, to)
    system, messages, unthought = render_turns(conversation.messages, to)
    reasoning = render_reasoning(conversation, to, unthought=unthought)
    inference, sampling = render_inference(conversation, to, fixed=reasoning.fixes_sampling)
    tools = render_tools(conversation, to)
    extras = render_extras(conversation, to)
    output = conversation.output_format
    if output is not None and output.schema is None:
        # There is no mode for JSON of any shape: asking for it adds to the prompt and changes nothing else.
        system.append({"text": _JSON_ONLY})
    members: dict[str, Json] = {
        "messages": messages,
        "system": list(system),
        "inferenceConfig": inference,
        "toolConfig": tools.config,
        "outputConfig": _output_config(output, reasoning.effort),
        "additionalModelRequestFields": reasoning.additional | sampling | tools.additional | extras.additional,
        "additionalModelResponseFieldPaths": _response_paths(inference, to.family),
    }
    body: Block = {name: value for name, value in members.items() if value}
    body |= render_tier(conversation, losses)
    body |= extras.fields
    # First what cannot be carried: it may be why nothing is left.
    dropped = losses.settle(drop=options.drop_unsupported)
    if not messages:
        raise nothing_said(conversation)
    return Rendered(body, dropped)


def _output_config(output: OutputFormat | None, effort: str | None) -> Block:
    config: Block = {}
    if effort is not None:
        config["effort"] = effort
    if output is not None and output.schema is not None:
        schema: Block = {"schema": orjson.dumps(closed_schema(output.schema)).decode()}
        if output.name:
            schema["name"] = output.name
        if output.description:
            schema["description"] = output.description
        config["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": schema}}
    return config


def _response_paths(inference: Block, family: Family) -> list[Json]:
    return [STOP_SEQUENCE_PATH] if family.is_claude and "stopSequences" in inference else []
