"""The conditions themselves are judged by a real Envoy: ``tests/contract/envoyconf``."""

import orjson

from extproc.domain.names import DETAILS_PREFIX
from extproc.envoyconf.local_replies import local_reply_config


def condition(mapper):
    return mapper["filter"]["extension_filter"]["typed_config"]["expression"]


def body(mapper):
    return orjson.loads(mapper["body_format_override"]["text_format_source"]["inline_string"].replace("%%", "%"))


def mappers(render, size=8):
    return local_reply_config(size, render)["mappers"]


def test_the_services_own_replies_are_let_through_first(render):
    first = mappers(render)[0]
    assert first.keys() == {"filter"}
    assert condition(first) == f'(response.code_details.startsWith("{DETAILS_PREFIX}"))'


def test_each_error_is_said_in_all_dialects_openais_last(render):
    rest = mappers(render)[1:]
    shapes = [body(mapper)["shape"] for mapper in rest]
    assert shapes == ["anthropic", "gemini", "openai"] * (len(rest) // 3)
    for anthropic, gemini, openai in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        assert body(anthropic)["code"] == body(gemini)["code"] == body(openai)["code"]
        assert anthropic["status_code"] == gemini["status_code"] == openai["status_code"]
        assert condition(anthropic).endswith(f"&& {condition(openai)}")
        assert condition(gemini).endswith(f"&& {condition(openai)}")


def test_nothing_that_envoy_may_say_is_left_out(render):
    assert condition(mappers(render)[-1]) == "true"
    assert body(mappers(render)[-1])["code"] == "internal_error"


def test_the_refusal_of_a_large_body_names_the_limit(render):
    too_large = mappers(render, size=12345)[3]
    assert too_large["status_code"] == 413
    assert body(too_large)["code"] == "request_too_large"
    assert "12345" in body(too_large)["message"]


def test_a_percent_sign_in_a_body_is_not_a_command():
    [_, mapper, *_] = mappers(lambda shape, error: {"message": "100%REQ(x)%"})
    assert mapper["body_format_override"]["text_format_source"]["inline_string"] == '{"message":"100%%REQ(x)%%"}'
    assert mapper["body_format_override"]["content_type"] == "application/json"
