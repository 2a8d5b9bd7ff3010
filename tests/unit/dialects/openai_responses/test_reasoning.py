"""Claims about seals: whoever wrote one gets it back, whatever way it went."""

import pytest

from extproc.dialects.openai_responses.reasoning import close_seal, close_seal_late, open_seal
from extproc.domain.conversation import RedactedThinking, Thinking


@pytest.mark.parametrize("origin", ["anthropic", "gemini"])
@pytest.mark.parametrize("data", ["c2ln", "a.b", "redacted", ""])
def test_others_seals_come_back(origin, data):
    item_id, encrypted = close_seal(data, origin, "rs_made")
    assert item_id == "rs_made"
    assert open_seal(item_id, encrypted, "t") == Thinking("t", data or None, origin)
    assert open_seal("rs_other", close_seal_late(data, origin), "t") == Thinking("t", data or None, origin)


@pytest.mark.parametrize("origin", ["anthropic", "gemini"])
def test_blocks_that_are_opaque_come_back(origin):
    item_id, encrypted = close_seal("cmVk", origin, "rs_made", redacted=True)
    assert open_seal(item_id, encrypted, "") == RedactedThinking("cmVk", origin)


def test_openais_own_seal_is_the_pair_it_was():
    assert close_seal("rs_1.gA.A", "openai", "rs_made") == ("rs_1", "gA.A")
    assert close_seal(".gAAA", "openai", "rs_made") == ("rs_made", "gAAA")
    assert open_seal("rs_1", "gA.A", "t") == Thinking("t", "rs_1.gA.A", "openai")


def test_openais_own_seal_brings_its_id_along_where_the_item_has_another():
    assert open_seal("rs_other", close_seal_late("rs_1.gAAA", "openai"), "t") == Thinking("t", "rs_1.gAAA", "openai")


def test_what_nobody_signed_has_a_seal_that_openai_never_sees():
    assert close_seal("", "openai", "rs_made") == ("rs_made", "llmgw.openai.")
