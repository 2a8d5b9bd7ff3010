"""Claims about the two classes."""

from extproc.dialects.base import ClientDialect, ProviderDialect, RenderOptions
from extproc.dialects.openai_responses.dialect import OpenAIResponsesClient, OpenAIResponsesProvider
from extproc.domain.conversation import Thinking

CLIENT: ClientDialect = OpenAIResponsesClient()
PROVIDER: ProviderDialect = OpenAIResponsesProvider()


def test_names():
    assert (CLIENT.name, PROVIDER.name) == ("openai-responses", "openai-responses")


def test_a_turn_goes_round_through_both_sides():
    """What the provider sealed comes back to it in the next turn, through a client of this dialect."""
    body = {
        "id": "resp_1",
        "status": "completed",
        "output": [
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "Hm"}],
                "encrypted_content": "gA",
            },
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "c",
                "name": "f",
                "arguments": "{}",
                "status": "completed",
            },
        ],
    }
    told = CLIENT.render_answer(PROVIDER.parse_answer(body), created=1)
    history = [*told["output"], {"type": "function_call_output", "call_id": "c", "output": "1"}]
    conversation = CLIENT.parse_request({"model": "m", "input": history})
    assert conversation.messages[0].parts[0] == Thinking("Hm", "rs_1.gA", "openai")
    items = PROVIDER.render_request(conversation, RenderOptions()).body["input"]
    assert [item["type"] for item in items] == ["reasoning", "function_call", "function_call_output"]
    assert (items[0]["id"], items[0]["encrypted_content"]) == ("rs_1", "gA")
