"""Pydantic's errors → problems in the user's words. No value is shown but those of types that hold no secret."""

import re
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from extproc.config.document import Document
from extproc.config.problems import DocPath, Problem, closest, listed
from extproc.config.scalars import CUSTOM
from extproc.config.schema import GatewaySpec

_KINDS = {
    "int": "must be a whole number",
    "float": "must be a number",
    "decimal": "must be a number",
    "finite": "must be a number",
    "is": "must be a number",
    "bool": "must be true or false",
    "dict": "must be a mapping (name: value)",
    "model": "must be a mapping (name: value)",
    "tuple": "must be a list ([a, b])",
}
"""By the first word of pydantic's error type: ``int_parsing``, ``int_type`` and ``int_from_float`` say the same."""

_CONTAINERS = frozenset({"dict", "model", "tuple"})

_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}

_MISSING = {
    "providers": "Declare at least one: {openai: {api_key: ${OPENAI_API_KEY}}}",
    "models": "Declare at least one: {fast: {targets: [{provider: openai, model: gpt-4o-mini}]}}",
    "targets": "List at least one: [{provider: openai, model: gpt-4o-mini}]",
    "provider": "Write a name from providers",
    "name": "Give the key a name; logs and reports show it",
    "usd": "Write the amount in US dollars",
    "scope": 'Write whose traffic is counted, such as {team: search} or {key: "*"}',
    "tokens": "Write the prompt tokens from which it costs more, such as 200k",
    "allow": "Write the amount in US dollars",
    "api_key": "Write the key, from ${ENV} or file:path",
    "issuer": "Write what the claim iss holds",
    "jwks": "Write the https:// URL of its public keys, or file:path",
    "url": "Write where alerts are posted",
    "at": "Write the share of the budget, such as 0.9",
    "when": "Write the conditions, such as {tags: {environment: qa}}",
}


def explain(error: ValidationError, document: Document) -> list[Problem]:
    """A problem per mistake."""
    found = error.errors(include_url=False)
    return [_problem(details, document) for details in found if not _consequence(details, document)]


def _consequence(details: ErrorDetails, document: Document) -> bool:
    """Whether the error only follows from another: pydantic counts valid items, and ``checks`` tells of empty values."""
    path, kind = details["loc"], details["type"]
    if kind == "too_short":
        return bool(document.at(path))
    return kind == "missing" and len(path) > 1 and path in document.keys


def _problem(details: ErrorDetails, document: Document) -> Problem:
    path = details["loc"]
    at_key = path[-1:] == ("[key]",)
    path = path[:-1] if at_key else path
    kind = details["type"]
    context: Mapping[str, object] = details.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(path, document)
    if kind in {"missing", "too_short"}:
        message = "is missing" if kind == "missing" else "must not be empty"
        mend = _MISSING.get(str(path[-1]), "")
        if kind == "too_short" and len(path) > 1 and path[-1] == "models":
            mend = "Name at least one, or remove the line to allow all"
        return document.problem(path, message, mend)
    if kind == "literal_error":
        return _no_choice(path, document, str(context["expected"]))
    if kind != CUSTOM:
        return document.problem(path, f"{_expected(kind, context)}, not {_shown(kind, path, document)}")
    message, mend = str(context["message"]), str(context["mend"])
    if context["show"] and not at_key:
        message = f"{message}, not {document.shown(path)}"
    elif path in document.origins:
        message = f"{message} (it is from {document.origins[path]})"
    return document.problem(path, message, mend, at_key=at_key)


def _shown(kind: str, path: DocPath, document: Document) -> str:
    """A text in the place of a mapping may be a credential, so only its type is shown."""
    text = isinstance(document.at(path), str) and path not in document.origins
    return "a text" if text and _word(kind) in _CONTAINERS else document.shown(path)


def _no_choice(path: DocPath, document: Document, expected: str) -> Problem:
    choices = re.findall(r"'([^']*)'", expected)
    value = document.at(path)
    near = closest(value, choices) if isinstance(value, str) and path not in document.origins else None
    message = f"must be one of {', '.join(choices)}, not {document.shown(path)}"
    return document.problem(path, message, f'Did you mean "{near}"?' if near else "")


def _expected(kind: str, context: Mapping[str, object]) -> str:
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"must be {words} {context[name]}"
    return _KINDS.get(_word(kind), "is not valid here")


def _word(kind: str) -> str:
    return kind.partition("_")[0]


def _unknown(path: DocPath, document: Document) -> Problem:
    known = _known_names(path[:-1])
    near = closest(str(path[-1]), known)
    if near:
        return document.problem(path, f'unknown key; did you mean "{near}"?', at_key=True)
    return document.problem(path, "unknown key", f"Known here: {listed(known)}", at_key=True)


def _known_names(path: DocPath) -> tuple[str, ...]:
    """The names that the schema has for the mapping at ``path``."""
    kind: object = GatewaySpec
    for step in path:
        kind = _inner(kind, step)
    kind = _one(kind)
    return tuple(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else ()


def _inner(kind: object, step: str | int) -> object:
    """The declared type of a part, free of ``Annotated`` and ``None``."""
    if isinstance(step, str):
        kind = _one(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        found: object = kind.model_fields[str(step)].annotation
    else:  # dict[name, item] or tuple[item, ...]
        arguments = get_args(kind)
        found = arguments[1] if get_origin(kind) is dict else arguments[0]
    while get_origin(found) in {Annotated, Union, UnionType}:
        found = get_args(found)[0]
    return found


def _one(kind: object) -> object:
    """What a mapping is read as where a list may stand too: one item of it."""
    return get_args(kind)[0] if get_origin(kind) is tuple else kind
