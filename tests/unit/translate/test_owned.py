"""Ids of kept responses come back from those they were given to, and from nobody else."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.openai_responses.dialect import OpenAIResponsesProvider
from extproc.domain.errors import InvalidRequest
from extproc.translate.owned import FIELD, OwnedReader, Owner

OURS, THEIRS = Owner(b"secret", "team:search"), Owner(b"secret", "team:billing")


@given(st.text(st.characters(categories=["L", "N"], include_characters="_-"), min_size=1))
def test_what_was_given_comes_back(response_id):
    marked = OURS.marked(response_id)
    assert OURS.bare(marked) == response_id
    for other in (THEIRS, Owner(b"another provider's key", "team:search")):
        with pytest.raises(InvalidRequest) as caught:
            other.bare(marked)
        assert caught.value.param == FIELD


@pytest.mark.parametrize("said", ["resp_1", "", ".", "resp_1.", "resp_1.0123456789abcdef0123", "ä.ö"])
def test_what_was_never_given_is_refused(said):
    with pytest.raises(InvalidRequest, match="Send the whole input"):
        OURS.edits({FIELD: said})


def test_without_a_secret_no_id_comes_back():
    """A mark that rested on what everybody knows could be made by everybody."""
    nobody = Owner(None, "team:search")
    body = orjson.dumps({"id": "resp_1"})
    assert nobody.tell(body, "resp_1", {}) == body
    with pytest.raises(InvalidRequest, match="option `secret`") as caught:
        nobody.edits({FIELD: "resp_1"})
    assert caught.value.param == FIELD
    assert nobody.edits({}) == {}


def test_a_request_without_one_stays():
    assert OURS.edits({"input": "x"}) == {}
    assert OURS.edits({FIELD: None}) == {}


def test_a_whole_answer_tells_both_ids_as_the_client_knows_them():
    before = OURS.marked("resp_0")
    body = orjson.dumps({"id": "resp_1", FIELD: "resp_0", "output": [{"text": "resp_1 is an id"}]})
    told = orjson.loads(OURS.tell(body, "resp_1", {FIELD: before}))
    assert told == {"id": OURS.marked("resp_1"), FIELD: before, "output": [{"text": "resp_1 is an id"}]}


def test_a_stream_tells_them_too_however_it_is_cut():
    def event(kind, **more):
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **more}))

    response = {"id": "resp_1", "object": "response", "status": "in_progress", "model": "m", "output": [], FIELD: None}
    data = event("response.created", sequence_number=0, response=response)
    data += event("response.completed", sequence_number=1, response={**response, "status": "completed"})
    for size in (1, 7, len(data)):
        reader = OwnedReader(OpenAIResponsesProvider().stream_reader(), OURS, {})
        frames = [frame for at in range(0, len(data), size) for frame in reader.feed(data[at : at + size])]
        raw = b"".join(frame.raw for frame in [*frames, *reader.finish()])
        assert raw == data.replace(b'"resp_1"', b'"%b"' % OURS.marked("resp_1").encode())
