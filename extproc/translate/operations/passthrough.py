"""The provider speaks the client's API: the model is changed, every other byte of the request and the answer stays."""

from collections.abc import Callable

from extproc.domain.errors import InvalidRequest, ProviderBadAnswer
from extproc.domain.reading import Json, JsonObject, kind_of
from extproc.domain.usage import Usage
from extproc.domain.valueclass import valueclass
from extproc.translate.answer import TranslatedAnswer
from extproc.translate.edit import Changes, edit_members
from extproc.translate.multipart import edit_model
from extproc.translate.operations.base import OperationJob, answered, read_object
from extproc.translate.operations.usage import read_usage
from extproc.translate.request import TranslatedRequest

_DECIDING = ("stream", "stream_format")
"""Members that decide on the form of the answer. They are written anew as they are: a name that is written occurs once,
and a provider that read another value than the gateway would answer in another form than the client waits for."""

Asks = Callable[[JsonObject], bool]
"""Whether a request (its JSON, or the fields of its form) asks for something."""

_TEXTS = frozenset({"text", "srt", "vtt"})
"""``response_format`` of a transcription that is no JSON (openai.types.AudioResponseFormat)."""


def is_stream(parsed: JsonObject) -> bool:
    """Whether the client asks for events: of a picture while it is made, of a text while it is heard."""
    return parsed.get("stream") is True


def is_stream_or_text(parsed: JsonObject) -> bool:
    """Whether the answer to a transcription is anything but one JSON object."""
    wanted = parsed.get("response_format")
    return is_stream(parsed) or (isinstance(wanted, str) and wanted in _TEXTS)


def always(parsed: JsonObject) -> bool:
    """Speech, and files."""
    del parsed
    return True


@valueclass
class Passthrough:
    """A JSON body or a form that names a model.

    ``holds``: the member without which a JSON answer is none. ``opaque``: whether the answer to a request is no JSON
    object, so that it is passed on as it comes. ``more``: further members of a JSON body that are to be changed.
    """

    holds: str
    opaque: Asks = is_stream
    more: Callable[[bytes, JsonObject], Changes] | None = None

    def request(self, body: bytes, parsed: JsonObject, job: OperationJob) -> TranslatedRequest:
        """The model is changed. ``job.edits`` are for JSON bodies; a form has none.

        Raises ``InvalidRequest`` for a form that cannot be read, ``MalformedJson`` where a written name occurs twice.
        """
        opaque = self.opaque(parsed)
        if job.content_type.lower().startswith("multipart/"):
            return TranslatedRequest(edit_model(job.content_type, body, job.model), opaque=opaque)
        named = {name: _plain(name, value) for name in _DECIDING if (value := parsed.get(name)) is not None}
        more: Changes = self.more(body, parsed) if self.more is not None else {}
        changes: Changes = {**named, **job.edits, **more, "model": job.model}
        return TranslatedRequest(edit_members(body, changes, parsed=parsed), opaque=opaque)

    def answer(self, body: bytes, *, model: str, request: JsonObject) -> TranslatedAnswer:
        """The very same bytes."""
        del request
        said = read_object(body)
        if self.holds not in said:
            raise ProviderBadAnswer(f"the provider's answer has no {self.holds}")
        return answered(body, read_usage(said) or Usage(), model=model, said=said)


def _plain(name: str, value: Json) -> Json:
    if isinstance(value, bool | str):
        return value
    raise InvalidRequest(f"{name} must be a boolean or a string, not {kind_of(value)}", param=name)


@valueclass
class Untouched:
    """What belongs to an account, and names no model: files and batches. Models inside an uploaded file stay, too."""

    def request(self, body: bytes, parsed: JsonObject, job: OperationJob) -> TranslatedRequest:
        """The body as it is, whatever it is; so is the answer."""
        del parsed, job
        return TranslatedRequest(body, opaque=True)

    def answer(self, body: bytes, *, model: str, request: JsonObject) -> TranslatedAnswer:
        """As it is; for whoever holds the whole of it all the same."""
        del request
        return answered(body, Usage(), model=model, said={})
