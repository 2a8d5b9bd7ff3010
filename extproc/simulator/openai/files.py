"""``/v1/files``: what is uploaded is kept for its account, as long as this process lives.

Source: https://platform.openai.com/docs/api-reference/files
"""

from collections.abc import Sequence
from urllib.parse import parse_qs

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.call import Call
from extproc.simulator.kept import KeptFile
from extproc.simulator.openai.errors import missing, wrong_value
from extproc.simulator.openai.rules import refuse_unknown, required_text, unknown_parameter
from extproc.simulator.replies import content, document
from extproc.simulator.wire import Refused, Reply, names

KNOWN = names("purpose expires_after")
"""Text fields; the file itself is ``file``."""
PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")

_MOST = 10_000
"""Of a listing."""


def upload(call: Call) -> Reply:
    """``POST /v1/files``. Raises ``Refused``."""
    refuse_unknown(call.body, KNOWN)
    for file in call.files:
        if file.field != "file":
            raise unknown_parameter(file.field)
    if not call.files:
        raise missing("file")
    purpose = required_text(call.body, "purpose")
    if purpose not in PURPOSES:
        raise wrong_value("purpose", purpose, PURPOSES)
    name, data = call.files[0].name, call.files[0].content
    if purpose == "batch" and not name.endswith(".jsonl"):
        raise Refused(
            "Invalid file format for Batch API. Must be .jsonl", param="file", code="invalid_file_format_for_purpose"
        )
    if not data:
        raise Refused("File is empty.", param="file")
    return document(call, add_file(call, f"file-{call.token}", name, purpose, data))


def add_file(call: Call, identity: str, name: str, purpose: str, data: bytes) -> JsonObject:
    """Keep a file; its object. Raises ``Refused`` where there is no room."""
    created = int(call.record.received_at)
    file: dict[str, Json] = {
        "id": identity,
        "object": "file",
        "bytes": len(data),
        "created_at": created,
        "expires_at": _expiry(call.body.get("expires_after"), created),
        "filename": name,
        "purpose": purpose,
        "status": "processed",
        "status_details": None,
    }
    if not call.world.shelf.add_file(call.account, KeptFile(file, data)):
        raise Refused("Your organization has reached its storage limit.", status=413, code="storage_limit_exceeded")
    return file


def listing(call: Call) -> Reply:
    """``GET /v1/files``, newest first. Raises ``Refused``."""
    query = {name: values[-1] for name, values in parse_qs(call.request.query).items()}
    files = [file.document for file in call.world.shelf.files.of(call.account)]
    if query.get("order") != "asc":
        files.reverse()
    purpose = query.get("purpose")
    return document(call, page(call, [file for file in files if purpose in (None, file["purpose"])], _MOST))


def page(call: Call, things: Sequence[JsonObject], most: int) -> JsonObject:
    """A part of a list, as the query's ``after`` and ``limit`` ask for it. Raises ``Refused``."""
    query = {name: values[-1] for name, values in parse_qs(call.request.query).items()}
    limit, after = query.get("limit", str(most)), query.get("after")
    if not limit.isdecimal() or not 0 < int(limit) <= most:
        raise Refused(
            f"Invalid 'limit': integer out of range. Expected a value from 1 to {most}, but got {limit} instead.",
            param="limit",
        )
    ids = [thing["id"] for thing in things]
    start = ids.index(after) + 1 if after in ids else 0
    shown = things[start : start + int(limit)]
    return {
        "object": "list",
        "data": list[Json](shown),
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": start + len(shown) < len(things),
    }


def retrieve(call: Call) -> Reply:
    """``GET /v1/files/{id}``. Raises ``Refused``."""
    return document(call, find_file(call, call.params["file"]).document)


def download(call: Call) -> Reply:
    """``GET /v1/files/{id}/content``. Raises ``Refused``."""
    return content(call, find_file(call, call.params["file"]).content, b"application/octet-stream")


def delete(call: Call) -> Reply:
    """``DELETE /v1/files/{id}``. Raises ``Refused``."""
    file = find_file(call, call.params["file"])
    call.world.shelf.drop_file(call.account, file)
    return document(call, {"id": call.params["file"], "object": "file", "deleted": True})


def find_file(call: Call, identity: str) -> KeptFile:
    """The account's file of this id. Raises ``Refused``."""
    file = call.world.shelf.files.get(call.account, identity)
    if file is None:
        raise Refused(f"No such File object: {identity}", status=404, param="id")
    return file


def _expiry(after: Json, created: int) -> int | None:
    match after:
        case None:
            return None
        case {"anchor": "created_at", "seconds": str(seconds)} if seconds.isdecimal():
            return created + int(seconds)
        case _:
            raise Refused(
                "Invalid 'expires_after': expected an anchor 'created_at' and seconds.", param="expires_after"
            )
