"""Tags of a request: four conventions, and the key's own above them."""

import pytest

from extproc.policy.tags import body_tags, end_user, request_tags


@pytest.mark.parametrize(
    ("headers", "tags"),
    [
        ({}, {}),
        ({"x-other": "environment=qa"}, {}),
        ({"x-llmgw-tags": "environment=qa, feature=search"}, {"environment": "qa", "feature": "search"}),
        ({"x-litellm-tags": "environment:qa,batch"}, {"environment": "qa", "batch": "batch"}),
        ({"x-portkey-metadata": '{"_user": "u1", "n": 3}'}, {"_user": "u1"}),
        ({"x-portkey-metadata": "not json"}, {}),
        ({"x-portkey-metadata": "[1]"}, {}),
        ({"helicone-property-feature": "search"}, {"feature": "search"}),
        ({"x-llmgw-tags": ",,=x,"}, {}),
        ({"x-llmgw-tags": "a=" + "x" * 65}, {}),
        ({"x-llmgw-tags": "a=b\tc"}, {}),
    ],
)
def test_what_the_client_says(headers, tags):
    assert request_tags(headers, {}) == tags


def test_the_keys_own_tags_cannot_be_overridden():
    assert request_tags({"x-llmgw-tags": "environment=prod,feature=f"}, {"environment": "qa"}) == {
        "environment": "qa",
        "feature": "f",
    }


def test_there_is_a_limit_to_their_number():
    said = {"x-llmgw-tags": ",".join(f"t{n}=v" for n in range(100))}
    assert len(request_tags(said, {"own": "x"})) == 21


@pytest.mark.parametrize(
    ("body", "user"),
    [
        ({}, None),
        ({"user": "u1"}, "u1"),
        ({"safety_identifier": "s1", "user": "u1"}, "s1"),
        ({"metadata": {"user_id": "m1"}}, "m1"),
        ({"metadata": [], "user": 3}, None),
        ({"user": "x" * 65}, None),
        ({"labels": {"user_id": "l1"}}, "l1"),
        ({"labels": "?", "metadata": {"user_id": "m1"}}, "m1"),
    ],
)
def test_the_applications_own_user(body, user):
    assert end_user(body) == user


@pytest.mark.parametrize(
    ("body", "dialect", "tags"),
    [
        ({"labels": {"environment": "qa", "n": 3}}, "gemini", {"environment": "qa"}),
        ({"labels": ["qa"]}, "gemini", {}),
        ({}, "gemini", {}),
        ({"labels": {"environment": "qa"}}, "openai-chat", {}),
        ({"metadata": {"environment": "qa"}}, "openai-responses", {}),
    ],
)
def test_labels_of_gemini_are_tags(body, dialect, tags):
    assert body_tags(body, dialect) == tags


def test_headers_go_before_the_body_and_the_key_before_both():
    in_body = {"a": "body", "b": "body", "c": "body", "bad": "x" * 65}
    assert request_tags({"x-llmgw-tags": "a=header,b=header"}, {"a": "key"}, in_body) == {
        "a": "key",
        "b": "header",
        "c": "body",
    }


def test_the_body_does_not_crowd_out_the_headers():
    in_body = {f"t{n}": "v" for n in range(100)}
    assert request_tags({"x-llmgw-tags": "feature=f"}, {}, in_body)["feature"] == "f"
