"""``POST /v1/moderations``: a text is flagged where it says *violence*.

Source: https://platform.openai.com/docs/api-reference/moderations
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.call import Call
from extproc.simulator.openai.errors import missing, wrong_type, wrong_value
from extproc.simulator.openai.messages import check_image_url
from extproc.simulator.openai.rules import check_texts, refuse_unknown
from extproc.simulator.replies import charge, document
from extproc.simulator.tokens import kind_of
from extproc.simulator.wire import Reply, names

KNOWN = names("input model")
_DEFAULT = "omni-moderation-latest"
_CATEGORIES = (
    "harassment harassment/threatening hate hate/threatening illicit illicit/violent self-harm self-harm/intent "
    "self-harm/instructions sexual sexual/minors violence violence/graphic"
)
_WITH_IMAGES = names("self-harm self-harm/intent self-harm/instructions sexual violence violence/graphic")


def moderations(call: Call) -> Reply:
    """Free of charge; one result for each text, or one for all parts of a list of parts. Raises ``Refused``."""
    body = call.body
    refuse_unknown(body, KNOWN)
    check_texts(body, "model")
    inputs = _inputs(body.get("input"))
    charge(call, 0)
    answer: JsonObject = {
        "id": f"modr-{call.token}",
        "model": call.record.model or _DEFAULT,
        "results": [_result(text, kinds) for text, kinds in inputs],
    }
    return document(call, answer)


def _inputs(given: Json) -> list[tuple[str, list[str]]]:
    """Each input's text, and the kinds of things that it has."""
    if given is None:
        raise missing("input")
    if isinstance(given, str):
        return [(given, ["text"])]
    if not isinstance(given, list) or not given:
        raise wrong_type("input", "a string or an array", kind_of(given))
    if all(isinstance(one, str) for one in given):
        return [(str(one), ["text"]) for one in given]
    parts = [_part(part, f"input[{at}]") for at, part in enumerate(given)]
    return [(" ".join(text for text, _ in parts), sorted({kind for _, kind in parts}, reverse=True))]


def _part(part: Json, path: str) -> tuple[str, str]:
    match part:
        case {"type": "text", "text": str(text)}:
            return text, "text"
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            check_image_url(url, f"{path}.image_url.url")
            return "", "image"
        case {"type": str(kind)}:
            raise wrong_value(f"{path}.type", kind, ("text", "image_url"))
        case _:
            raise wrong_type(path, "an object", "an object" if isinstance(part, Mapping) else kind_of(part))


def _result(text: str, kinds: list[str]) -> JsonObject:
    flagged = "violence" in text.lower()
    names_of = _CATEGORIES.split()
    return {
        "flagged": flagged,
        "categories": {name: flagged and name == "violence" for name in names_of},
        "category_scores": {name: 0.93 if flagged and name == "violence" else 0.0001 for name in names_of},
        "category_applied_input_types": {
            name: [kind for kind in kinds if kind == "text" or name in _WITH_IMAGES] for name in names_of
        },
    }
