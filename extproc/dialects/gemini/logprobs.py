"""Log probabilities: the vendor's ``logprobsResult`` ↔ OpenAI's shape, which is the neutral one.

Source: https://ai.google.dev/api/generate-content#LogprobsResult.
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject


def parse_logprobs(value: Json) -> JsonObject | None:
    """``{"content": [...], "refusal": null}``; None where there is nothing to read. Never raises."""
    if not isinstance(value, Mapping):
        return None
    chosen, top = _list(value, "chosenCandidates"), _list(value, "topCandidates")
    content: list[Json] = []
    for index, candidate in enumerate(chosen):
        others = top[index] if index < len(top) else None
        tops = _list(others, "candidates") if isinstance(others, Mapping) else []
        content.append({**_token(candidate), "top_logprobs": [_token(other) for other in tops]})
    return {"content": content, "refusal": None} if content else None


def render_logprobs(logprobs: JsonObject | None) -> JsonObject | None:
    """The ``logprobsResult``; None where there is none."""
    if logprobs is None:
        return None
    content = [token for token in _list(logprobs, "content") if isinstance(token, Mapping)]
    if not content:
        return None
    tops: list[Json] = [
        {"candidates": [_candidate(other) for other in _list(token, "top_logprobs")]} for token in content
    ]
    return {"chosenCandidates": [_candidate(token) for token in content], "topCandidates": tops}


def _token(value: Json) -> JsonObject:
    candidate: JsonObject = value if isinstance(value, Mapping) else {}
    token = candidate.get("token")
    text = token if isinstance(token, str) else ""
    # The vendor leaves out what is the default of its type: a probability of 1 has the logarithm 0.
    return {"token": text, "logprob": _number(candidate.get("logProbability")), "bytes": list(text.encode())}


def _candidate(value: Json) -> JsonObject:
    token: JsonObject = value if isinstance(value, Mapping) else {}
    return {"token": token.get("token"), "logProbability": _number(token.get("logprob"))}


def _number(value: Json) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _list(value: JsonObject, name: str) -> list[Json]:
    found = value.get(name)
    return found if isinstance(found, list) else []
