"""Images, documents and audio, with formats and names as the vendor wants them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.bedrock.render_sources import (
    MAX_NAME_CHARS,
    DocumentNames,
    render_audio,
    render_document,
    render_image,
)
from extproc.domain.conversation import Audio, Document, Image, Source
from tests.judges.bedrock import MODEL, check


@pytest.mark.parametrize(
    ("source", "image"),
    [
        (Source(media_type="image/png", data="AAAA"), {"format": "png", "source": {"bytes": "AAAA"}}),
        (Source(media_type="image/jpg", data="AAAA"), {"format": "jpeg", "source": {"bytes": "AAAA"}}),
        (Source(url="data:image/webp;base64,AAAA"), {"format": "webp", "source": {"bytes": "AAAA"}}),
        (Source(url="s3://bucket/a.JPG"), {"format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/a.JPG"}}}),
        (
            Source(media_type="image/gif", url="s3://bucket/a"),
            {"format": "gif", "source": {"s3Location": {"uri": "s3://bucket/a"}}},
        ),
        (Source(url="s3://bucket/a"), None),
        (Source(url="https://example.com/a.png"), None),
        (Source(media_type="image/tiff", data="AAAA"), None),
        (Source(media_type="image/png", file_id="file_1"), None),
    ],
)
def test_images(source, image):
    rendered = render_image(Image(source))
    assert rendered == ({"image": image} if image else None)
    if rendered:
        check(rendered, MODEL.shape_for("ContentBlock"))


@pytest.mark.parametrize(
    ("source", "title", "form"),
    [
        (Source(media_type="application/pdf", data="AAAA"), None, "pdf"),
        (Source(media_type="text/csv", data="AAAA"), None, "csv"),
        (Source(media_type="text/x-python", data="AAAA"), None, "txt"),
        (Source(media_type="application/json", data="AAAA"), None, "txt"),
        (Source(text="words"), "a.pdf", "txt"),
        (Source(data="AAAA"), "table.XLSX", "xlsx"),
        (Source(media_type="application/octet-stream", data="AAAA"), "letter.doc", "doc"),
        (Source(data="JVBERi0xLjQ="), None, "pdf"),
        (Source(url="data:text/markdown;base64,AAAA"), None, "md"),
        (Source(url="s3://bucket/report.html"), None, "html"),
        (Source(url="https://example.com/a.pdf"), None, None),
        (Source(media_type="application/zip", data="AAAA"), "a.zip", None),
        (Source(file_id="file_1"), "a.pdf", None),
    ],
)
def test_documents(source, title, form):
    rendered = render_document(Document(source, title=title), DocumentNames())
    if form is None:
        assert rendered is None
    else:
        assert rendered["document"]["format"] == form
        check(rendered, MODEL.shape_for("ContentBlock"))


def test_what_goes_with_a_document():
    document = Document(Source(text="Grüße"), title="My report: 2026.pdf", context="Old.", citations=True)
    assert render_document(document, DocumentNames()) == {
        "document": {
            "format": "txt",
            "name": "My report 2026 pdf",
            "source": {"bytes": "R3LDvMOfZQ=="},
            "context": "Old.",
            "citations": {"enabled": True},
        }
    }


def test_names_that_are_alike():
    names = DocumentNames()
    assert [names.of(title) for title in ("a.b", "a b", "a_b", None, "€")] == [
        "a b",
        "a b (2)",
        "a b (3)",
        "document",
        "document (2)",
    ]


@given(st.lists(st.text(max_size=300) | st.just("x" * 300), max_size=8))
def test_names_keep_to_the_vendors_rule_and_stay_apart(titles):
    names = DocumentNames()
    given_names = [names.of(title) for title in titles]
    assert len(set(given_names)) == len(titles)
    for name in given_names:
        assert len(name) <= MAX_NAME_CHARS
        assert re.fullmatch(r"[A-Za-z0-9\-()\[\]]+( [A-Za-z0-9\-()\[\]]+)*", name)


def test_audio():
    assert render_audio(Audio("AAAA", "mp3")) == {"audio": {"format": "mp3", "source": {"bytes": "AAAA"}}}
    assert render_audio(Audio("AAAA", "midi")) is None
