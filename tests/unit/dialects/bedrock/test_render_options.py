"""Limits, sampling, tiers, and what clients ask of Bedrock by its own names."""

import pytest

from extproc.dialects.bedrock.families import family_of
from extproc.dialects.bedrock.render_blocks import Rendering
from extproc.dialects.bedrock.render_options import (
    MAX_METADATA,
    note_losses,
    render_extras,
    render_inference,
    render_tier,
)
from extproc.dialects.losses import Losses
from extproc.domain.conversation import Conversation, Message, Text
from extproc.domain.errors import InvalidRequest
from tests.judges.bedrock import MODEL, check

HAIKU_3 = "anthropic.claude-3-haiku-20240307-v1:0"
SONNET_4_5 = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS_4_8 = "anthropic.claude-opus-4-8"
NOVA = "us.amazon.nova-pro-v1:0"
NOVA_2 = "amazon.nova-2-lite-v1:0"
GPT_OSS = "openai.gpt-oss-20b-1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"


def asked(model, **fields):
    return Conversation(model, (Message("user", (Text("hi"),)),), **fields), Rendering(family_of(model), Losses())


def inference(model, *, fixed=False, **fields):
    conversation, to = asked(model, **fields)
    config, additional = render_inference(conversation, to, fixed=fixed)
    check(config, MODEL.shape_for("InferenceConfiguration"))
    return config, additional, to.losses.settle(drop=True)


def extras(model=SONNET_4_5, *unmapped, stream=False):
    conversation, to = asked(model, unmapped=unmapped, stream=stream)
    found = render_extras(conversation, to)
    return found.fields, found.additional, to.losses.settle(drop=True)


def test_base_parameters():
    assert inference(HAIKU_3, max_output_tokens=5, temperature=0.5, top_p=0.9, top_k=40, stop=("a", "b")) == (
        {"maxTokens": 5, "temperature": 0.5, "topP": 0.9, "stopSequences": ["a", "b"]},
        {"top_k": 40},
        (),
    )


@pytest.mark.parametrize(
    ("model", "fields", "config", "additional", "told"),
    [
        (LLAMA, {"temperature": 1.7}, {"temperature": 1}, {}, ("temperature",)),
        (SONNET_4_5, {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5}, {}, ("top_p",)),
        (SONNET_4_5, {"temperature": 1, "top_p": 0.9}, {"topP": 0.9}, {}, ()),
        (SONNET_4_5, {"temperature": 0.5, "top_p": 1}, {"temperature": 0.5}, {}, ()),
        (SONNET_4_5, {"temperature": 1, "top_p": 1}, {"temperature": 1}, {}, ()),
        (SONNET_4_5, {"top_p": 0.9}, {"topP": 0.9}, {}, ()),
        (OPUS_4_8, {"temperature": 1, "top_p": 1}, {}, {}, ()),
        (
            OPUS_4_8,
            {"temperature": 0, "top_p": 0.9, "top_k": 4},
            {},
            {},
            ("temperature", "top_p", "top_k"),
        ),
        (NOVA, {"top_k": 40}, {}, {"inferenceConfig": {"topK": 40}}, ()),
        (LLAMA, {"top_k": 40}, {}, {}, ("top_k",)),
        (
            GPT_OSS,
            {"seed": 0, "frequency_penalty": 0.5, "presence_penalty": 0.0},
            {},
            {"seed": 0, "frequency_penalty": 0.5},
            (),
        ),
        (LLAMA, {"seed": 0, "frequency_penalty": 0.0, "presence_penalty": 1.0}, {}, {}, ("seed", "presence_penalty")),
        (SONNET_4_5, {"stop": ("a", " ", "")}, {"stopSequences": ["a"]}, {}, ("stop",)),
        (NOVA, {"stop": ("\n", "")}, {"stopSequences": ["\n"]}, {}, ("stop",)),
    ],
)
def test_what_a_model_takes(model, fields, config, additional, told):
    assert inference(model, **fields) == (config, additional, told)


def test_thinking_rules_sampling_out():
    sampling = {"temperature": 0.5, "top_p": 0.9, "top_k": 4}
    assert inference(HAIKU_3, fixed=True, **sampling) == ({}, {}, ("temperature", "top_p", "top_k"))
    assert inference(HAIKU_3, fixed=True, temperature=1, top_p=0.95) == ({"temperature": 1, "topP": 0.95}, {}, ())
    assert inference(NOVA_2, fixed=True, **sampling) == ({}, {}, ("temperature", "top_p", "top_k"))
    assert inference(NOVA_2, fixed=True, top_p=0.5) == ({}, {}, ("top_p",))


@pytest.mark.parametrize(
    ("tier", "rendered", "told"),
    [
        (None, {}, ()),
        ("auto", {}, ()),
        ("default", {"serviceTier": {"type": "default"}}, ()),
        ("standard_only", {"serviceTier": {"type": "default"}}, ()),
        ("flex", {"serviceTier": {"type": "flex"}}, ()),
        ("priority", {"serviceTier": {"type": "priority"}}, ()),
        ("reserved", {"serviceTier": {"type": "reserved"}}, ()),
        ("scale", {}, ("service_tier",)),
    ],
)
def test_tiers(tier, rendered, told):
    conversation, to = asked(NOVA, service_tier=tier)
    assert (render_tier(conversation, to.losses), to.losses.settle(drop=True)) == (rendered, told)
    if rendered:
        check(rendered["serviceTier"], MODEL.shape_for("ServiceTier"))


def test_losses():
    conversation, to = asked(NOVA, n=2, logit_bias={"1": 1}, logprobs=True, top_logprobs=3, verbosity="low", user="ada")
    note_losses(conversation, to)
    assert to.losses.settle(drop=True) == ("n", "logit_bias", "logprobs", "top_logprobs", "verbosity", "user")


def test_other_vendors_defaults_ask_for_nothing():
    conversation, to = asked(NOVA, n=1, logit_bias={}, logprobs=False, top_logprobs=0, verbosity="medium")
    note_losses(conversation, to)
    assert to.losses.settle(drop=False) == ()


def test_bedrocks_own_fields():
    guardrail = {"guardrailIdentifier": "ab12", "guardrailVersion": "1", "streamProcessingMode": "async"}
    unmapped = (
        ("guardrailConfig", guardrail),
        ("performanceConfig", {"latency": "optimized"}),
        ("requestMetadata", {"team": "search"}),
        ("additionalModelRequestFields", {"top_k": 3}),
        ("anthropic_beta", ["context-1m-2025-08-07"]),
        ("store", True),
    )
    fields, additional, told = extras(SONNET_4_5, *unmapped, stream=True)
    assert fields == {
        "guardrailConfig": guardrail,
        "performanceConfig": {"latency": "optimized"},
        "requestMetadata": {"team": "search"},
    }
    assert additional == {"top_k": 3, "anthropic_beta": ["context-1m-2025-08-07"]}
    assert told == ("store",)
    whole, _, _ = extras(SONNET_4_5, ("guardrailConfig", guardrail))
    check(whole["guardrailConfig"], MODEL.shape_for("GuardrailConfiguration"))
    assert extras(NOVA, ("anthropic_beta", ["x"])) == ({}, {}, ("anthropic_beta",))


def test_a_field_of_bedrocks_own_is_an_object():
    with pytest.raises(InvalidRequest, match="guardrailConfig must be a JSON object, not a string"):
        extras(NOVA, ("guardrailConfig", "x"))


def test_metadata_labels_the_logs():
    metadata = {"team": "search", "bad key!": "x", "count": 3, "note": "a\u20acb"}
    fields, _, told = extras(NOVA, ("metadata", metadata), ("requestMetadata", {"team": "mine"}))
    assert fields == {"requestMetadata": {"team": "mine"}}
    assert told == ("metadata.bad key!", "metadata.count", "metadata.note")
    assert extras(NOVA, ("metadata", "x")) == ({}, {}, ("metadata",))


def test_there_is_a_limit_to_labels():
    fields, _, told = extras(NOVA, ("metadata", {str(at): "x" for at in range(20)}), ("requestMetadata", {"own": "y"}))
    assert len(fields["requestMetadata"]) == MAX_METADATA
    assert fields["requestMetadata"]["own"] == "y"
    assert len(told) == 4
    check(fields["requestMetadata"], MODEL.shape_for("RequestMetadata"))
