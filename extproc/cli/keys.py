"""``llmgw keys``: virtual keys of a gateway that runs, through its admin port (``extproc.admin.api``)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import ParamSpec, cast

import click
import orjson

from extproc.cli.asking import as_json_option, asking
from extproc.cli.client import AdminClient, segment
from extproc.cli.output import print_json, table, text_of
from extproc.domain.reading import Json, JsonObject

P = ParamSpec("P")

_COLUMNS = ("name", "status", "team", "user", "models", "expires", "hint", "id")


@click.group("keys")
def keys() -> None:
    """Make, list, change and revoke virtual keys of a running gateway."""


def _pairs(_: click.Context, option: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        name, sign, rest = value.partition("=")
        if not sign or not name:
            raise click.BadParameter("write name=value", param=option)
        if name in found:
            raise click.BadParameter(f"'{name}' is given twice: keep one of them", param=option)
        found[name] = rest
    return found


def _limits(context: click.Context, option: click.Parameter, values: Sequence[str]) -> dict[str, Json]:
    """Several rates of one unit are a list: ``requests=5/s`` and ``requests=100/min`` hold both."""
    found: dict[str, list[Json]] = {}
    for value in values:
        for name, rest in _pairs(context, option, [value]).items():
            rates = found.setdefault(name, [])
            if name == "concurrent" and rates:
                raise click.BadParameter(f"'{name}' is given twice: keep one of them", param=option)
            rates.append(int(rest) if name == "concurrent" and rest.isdecimal() else rest)
    return {name: rates[0] if len(rates) == 1 else rates for name, rates in found.items()}


def _budgets(_: click.Context, option: click.Parameter, values: Sequence[str]) -> list[Json]:
    """``50/month`` or, for all that a budget can be, its JSON."""
    found: list[Json] = []
    for value in values:
        if value.lstrip().startswith("{"):
            try:
                found.append(cast("JsonObject", orjson.loads(value)))
            except orjson.JSONDecodeError as error:
                raise click.BadParameter(f"this is not JSON: {error}", param=option) from None
            continue
        amount, sign, span = value.partition("/")
        if not sign:
            raise click.BadParameter("write dollars/span: 50/month, or JSON: {...}", param=option)
        found.append({"usd": amount, "per": span})
    return found


_fields: Sequence[Callable[[Callable[..., None]], Callable[..., None]]] = (
    click.option("--org", help="Organisation."),
    click.option("--team", help="Team."),
    click.option("--user", help="User."),
    click.option("--model", "models", multiple=True, help="A model it may use; again for more. Default: all."),
    click.option("--tag", "tags", multiple=True, callback=_pairs, help="name=value, on each of its requests."),
    click.option("--budget", "budgets", multiple=True, callback=_budgets, help="50/month, 5/day, or JSON."),
    click.option("--limit", "limits", multiple=True, callback=_limits, help="requests=100/min, tokens=200k/min, concurrent=5."),
    click.option("--expires", help="A date or a time: 2027-01-31."),
    click.option("--expires-in", help="A time span from now on: 30d."),
    click.option("--metadata", multiple=True, callback=_pairs, help="name=value, a note that the gateway keeps."),
)  # fmt: skip


def _with_fields(command: Callable[P, None]) -> Callable[P, None]:
    decorated: Callable[..., None] = command
    for option in reversed(_fields):
        decorated = option(decorated)
    return decorated


def _body(said: Mapping[str, object]) -> dict[str, Json]:
    """What was said, in the API's form; what was not is left out."""
    body = {name: cast("Json", value) for name, value in said.items() if value not in (None, (), [], {})}
    if "models" in body:
        body["models"] = list(cast("Iterable[Json]", body["models"]))
    return body


_quiet = click.option("-q", "--quiet", is_flag=True, help="Print the key alone, for scripts.")
_key = click.argument("key", metavar="ID-OR-NAME")


@keys.command()
@asking
@click.argument("name", required=False)
@_with_fields
@as_json_option
@_quiet
def create(client: AdminClient, name: str | None, *, as_json: bool, quiet: bool, **said: object) -> None:
    """Make a key, and print it: it is shown this once."""
    _issued(client.ask("POST", "/keys", _body({"name": name, **said})), as_json=as_json, quiet=quiet)


@keys.command("list")
@asking
@click.option("--name", help="A part of the name.")
@click.option("--org")
@click.option("--team")
@click.option("--user")
@click.option("--model", help="Keys that may use it.")
@click.option("--tag", help="name=value.")
@click.option("--status", type=click.Choice(["active", "blocked", "expired", "unknown_party"]))
@as_json_option
def list_keys(client: AdminClient, *, as_json: bool, **filters: str | None) -> None:
    """List keys, also those that the file declares."""
    found: list[JsonObject] = []
    cursor: str | None = None
    while True:
        page = client.ask("GET", "/keys", query={**filters, "limit": "500", "cursor": cursor})
        found += cast("list[JsonObject]", page["items"])
        cursor = cast("str | None", page["next"])
        if cursor is None:
            break
    if as_json:
        print_json(cast("list[Json]", found))
        return
    for line in table(_COLUMNS, [[text_of(item.get(column)) for column in _COLUMNS] for item in found]):
        click.echo(line)


@keys.command()
@asking
@_key
@as_json_option
def show(client: AdminClient, key: str, *, as_json: bool) -> None:
    """Show one key, and where its budgets and limits stand."""
    _shown(client.ask("GET", f"/keys/{segment(key)}"), as_json=as_json)


@keys.command()
@asking
@_key
@click.option("--name", help="Another name.")
@_with_fields
@click.option("--clear", "cleared", multiple=True, metavar="FIELD", help="Empty a field: --clear budgets.")
@as_json_option
def update(client: AdminClient, key: str, *, as_json: bool, cleared: Sequence[str], **said: object) -> None:
    """Change a key; what is not named stays. Lists (models, tags, budgets, limits) are replaced as a whole."""
    body = _body(said)
    if both := body.keys() & set(cleared):
        raise click.UsageError(f"{min(both)} is to be changed and to be emptied: say one of them")
    body |= dict.fromkeys(cleared)
    if not body:
        raise click.UsageError("nothing to change: name at least one field")
    _shown(client.ask("PATCH", f"/keys/{segment(key)}", body), as_json=as_json)


@keys.command()
@asking
@_key
@click.option("--grace", default="0", show_default=True, help="How long the old key works on: 24h.")
@as_json_option
@_quiet
def rotate(client: AdminClient, key: str, grace: str, *, as_json: bool, quiet: bool) -> None:
    """Give a key a new text, and print it. Its budget goes on."""
    issued = client.ask("POST", f"/keys/{segment(key)}/rotate", {"grace": grace})
    _issued(issued, as_json=as_json, quiet=quiet)


@keys.command()
@asking
@_key
@click.option("--yes", is_flag=True, help="Do not ask.")
def revoke(client: AdminClient, key: str, *, yes: bool) -> None:
    """Remove a key for good."""
    if not yes:
        click.confirm(f"Remove the key '{key}' for good?", abort=True, err=True)
    gone = client.ask("DELETE", f"/keys/{segment(key)}")
    click.echo(f"revoked {gone['name']} ({gone['id']})")


@keys.command()
@asking
@_key
def block(client: AdminClient, key: str) -> None:
    """Refuse a key until it is unblocked; also one that the file declares."""
    click.echo(f"blocked {client.ask('POST', f'/keys/{segment(key)}/block')['name']}")


@keys.command()
@asking
@_key
def unblock(client: AdminClient, key: str) -> None:
    """Let a blocked key in again."""
    click.echo(f"unblocked {client.ask('POST', f'/keys/{segment(key)}/unblock')['name']}")


@keys.command()
@asking
@_key
@click.option("--at", help="A date or a time; default: now.")
@click.option("--in", "after", help="A time span from now on: 7d.")
@click.option("--never", is_flag=True, help="Take the end away.")
def expire(client: AdminClient, key: str, at: str | None, after: str | None, *, never: bool) -> None:
    """Say when a key ends: now, unless told otherwise."""
    if sum((at is not None, after is not None, never)) > 1:
        raise click.UsageError("give one of --at, --in and --never")
    if after is not None:
        body: JsonObject = {"expires_in": after}
    else:
        body = {"expires": None if never else at or datetime.now(UTC).isoformat()}
    changed = client.ask("PATCH", f"/keys/{segment(key)}", body)
    click.echo(f"{changed['name']} expires {changed['expires'] or 'never'}")


def _issued(answer: JsonObject, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        print_json(answer)
    elif quiet:
        click.echo(str(answer["key"]))
    else:
        _shown({name: value for name, value in answer.items() if name != "key"}, as_json=False, err=True)
        click.echo("Keep the key, it is shown this once:", err=True)
        click.echo(str(answer["key"]))


def _shown(answer: JsonObject, *, as_json: bool, err: bool = False) -> None:
    if as_json:
        print_json(answer)
        return
    rows = [
        (name, text_of(value)) for name, value in answer.items() if name != "meters" and value not in (None, [], {})
    ]
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        click.echo(f"{name.ljust(width)}  {text}", err=err)
    for meter in cast("list[JsonObject]", answer.get("meters") or []):
        stand = f", used {meter['settled']}, held {meter['held']}" if "settled" in meter else ""
        click.echo(f"{'meter'.ljust(width)}  {meter['id']}: limit {meter['limit']}{stand}", err=err)
