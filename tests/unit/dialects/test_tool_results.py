"""A failure is said in words where a dialect has no field for it."""

import pytest

from extproc.dialects.tool_results import content_in_words
from extproc.domain.conversation import Image, Source, Text, ToolResult

PNG = Image(Source(media_type="image/png", data="AAAA"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ((Text("404"),), (Text("Error: 404"),)),
        ((), (Text("Error"),)),
        ((PNG,), (PNG, Text("Error"))),
        ((Text(" "), PNG, Text("x"), Text("y")), (Text(" "), PNG, Text("Error: x"), Text("y"))),
        ((Text(" error: no such file"),), (Text(" error: no such file"),)),
    ],
)
def test_what_a_failed_tool_says(content, said):
    assert content_in_words(ToolResult("c", content, is_error=True)) == said


def test_a_result_stays_as_it_is():
    assert content_in_words(ToolResult("c", (Text("404"),))) == (Text("404"),)
