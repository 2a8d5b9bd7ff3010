"""Results of tools, for the dialects that have no field for a failure."""

from dataclasses import replace

from extproc.domain.conversation import Document, Image, Text, ToolResult

_FAILED = "Error"


def content_in_words(result: ToolResult) -> tuple[Text | Image | Document, ...]:
    """The content; where the tool has failed, its first text says so: ``404`` alone reads like a result.

    A text that begins with the word already stays as it is. Where there is none, one is added, at the end, so that the
    others keep their places.
    """
    if not result.is_error:
        return result.content
    for at, part in enumerate(result.content):
        if isinstance(part, Text) and (text := part.text.lstrip()):
            told = text.lower().startswith(_FAILED.lower())
            said = part if told else replace(part, text=f"{_FAILED}: {part.text}")
            return (*result.content[:at], said, *result.content[at + 1 :])
    return (*result.content, Text(_FAILED))
