"""Records have no field in which a prompt, an answer, a message or a credential could travel."""

from dataclasses import fields

import pytest

from extproc.domain.errors import ProviderFailed, Unauthenticated
from extproc.telemetry.records import OK, AttemptRecord, RequestRecord, is_failure


@pytest.mark.parametrize("record", [AttemptRecord, RequestRecord])
def test_no_field_is_for_content_or_secrets(record):
    forbidden = ("message", "body", "content", "prompt", "text", "header", "secret", "token_value", "authorization")
    assert not [field.name for field in fields(record) for word in forbidden if word in field.name]


def test_a_failure_is_the_platforms_or_a_providers():
    assert is_failure(ProviderFailed("boom").outcome)
    assert is_failure("gateway:internal_error")
    assert not is_failure(Unauthenticated("who?").outcome)
    assert not is_failure("policy:model_not_allowed")
    assert not is_failure("transport:aborted")
    assert not is_failure(OK)
