"""Citations, both ways."""

import pytest
from anthropic.types import TextCitation
from pydantic import TypeAdapter

from extproc.dialects.bedrock.citations import parse_citation, render_citation
from tests.judges.bedrock import MODEL, check

PAGE = {
    "title": "report",
    "sourceContent": [{"text": "It rained "}, {"text": "all day."}],
    "location": {"documentPage": {"documentIndex": 0, "start": 2, "end": 3}},
}
NEUTRAL_PAGE = {
    "type": "page_location",
    "cited_text": "It rained all day.",
    "document_index": 0,
    "document_title": "report",
    "start_page_number": 2,
    "end_page_number": 3,
    "file_id": None,
}


def located(**location):
    return {"title": "t", "sourceContent": [{"text": "c"}], "location": location}


ALL = [
    located(documentChar={"documentIndex": 1, "start": 0, "end": 9}),
    PAGE,
    located(documentChunk={"documentIndex": 1, "start": 0, "end": 1}),
    {**located(searchResultLocation={"searchResultIndex": 0, "start": 0, "end": 1}), "source": "https://kb.example"},
    located(web={"url": "https://example.com"}),
]


def test_a_page():
    assert parse_citation(PAGE) == NEUTRAL_PAGE


@pytest.mark.parametrize("citation", ALL)
def test_it_is_what_anthropics_clients_read_and_comes_back_as_it_was(citation):
    parsed = parse_citation(citation)
    assert parsed is not None
    TypeAdapter(TextCitation).validate_python(parsed, strict=True)
    rendered = render_citation(parsed)
    check(rendered, MODEL.shape_for("Citation"))
    joined = {**citation, "sourceContent": [{"text": "".join(c["text"] for c in citation["sourceContent"])}]}
    assert {name: value for name, value in rendered.items() if value} == joined


@pytest.mark.parametrize(
    "citation",
    [{}, {"location": None}, {"location": {}}, {"location": {"documentPage": 3}}, {"location": {"future": {}}}],
)
def test_a_location_of_an_unknown_kind_is_none(citation):
    assert parse_citation(citation) is None


def test_missing_details_are_harmless():
    parsed = parse_citation({"location": {"documentPage": {}}, "sourceContent": [None, {"text": 1}]})
    assert parsed == {
        "type": "page_location",
        "cited_text": "",
        "document_index": None,
        "start_page_number": None,
        "end_page_number": None,
        "document_title": None,
        "file_id": None,
    }
    assert render_citation(parsed) == {"location": {"documentPage": {}}}


@pytest.mark.parametrize("citation", [{"type": "future_location"}, {"type": 3}, {}])
def test_what_converse_has_no_word_for(citation):
    assert render_citation(citation) is None
