"""``llmgw spend`` and ``llmgw budgets``: reports of a gateway that runs, through its admin port (``extproc.admin.usage``)."""

import csv
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import cast

import click

from extproc.admin.cells import cell
from extproc.cli.asking import as_json_option, asking
from extproc.cli.client import AdminClient
from extproc.cli.output import print_json, table
from extproc.domain.money import nano_usd, usd_text
from extproc.domain.reading import Json, JsonObject

_AMOUNTS = ("usd", "input_tokens", "output_tokens", "requests", "failed")
_MOST = "1000"
_HOLDERS = ("key", "org", "team", "user", "provider", "model", "meter")
_SPANS = ("hour", "day", "month")


@click.command()
@asking
@click.option(
    "--by",
    default="team",
    show_default=True,
    help="Of org, team, user, key, model, provider; and one of hour, day, month.",
)
@click.option("--from", "start", help="A day or a time; default: 30 days ago.")
@click.option("--to", "end", help="A day, which is included, or a time; default: now.")
@click.option("--tz", help="Whose days: Europe/Berlin. Default: the gateway's.")
@click.option("--org")
@click.option("--team")
@click.option("--user")
@click.option("--key", help="Id or name.")
@click.option("--model")
@click.option("--provider")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@as_json_option
def spend(
    client: AdminClient, *, by: str, start: str | None, end: str | None, as_csv: bool, as_json: bool, **more: str | None
) -> None:  # fmt: skip
    """What was spent: by team, or by whatever --by says."""
    answer = client.ask("GET", "/usage/sums", query={"by": by, "from": start, "to": end, **more})
    rows = cast("list[JsonObject]", answer["items"])
    if as_json:
        print_json(answer)
        return
    names = sorted((name for name in rows[0] if name not in _AMOUNTS), key=_place) if rows else []
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow([*names, *_AMOUNTS])
        writer.writerows([[cell(row[name]) for name in (*names, *_AMOUNTS)] for row in rows])
        return
    if not rows:
        click.echo("nothing was used in this time")
        return
    lines = [[str(row[name]) or "-" for name in (*names, *_AMOUNTS)] for row in rows]
    if len(rows) > 1:
        lines.append(["total", *([""] * (len(names) - 1)), *_totals(rows)] if names else [*_totals(rows)])
    for line in table([*names, *_AMOUNTS], lines):
        click.echo(line)


@click.command()
@asking
@click.option("--holder", type=click.Choice(_HOLDERS), help="Whose; meter: an entry of the file's meters.")
@click.option("--name", help="A part of the holder's name.")
@click.option("--over", help="Those of which this share is used: 0.8.")
@click.option("--all", "everything", is_flag=True, help="Limits too, not budgets alone.")
@as_json_option
def budgets(client: AdminClient, *, everything: bool, as_json: bool, **filters: str | None) -> None:
    """Where budgets stand, the fullest first."""
    unit = None if everything else "usd"
    answer = client.ask("GET", "/usage/meters", query={**filters, "unit": unit, "limit": _MOST})
    if as_json:
        print_json(answer)
        return
    items = cast("list[JsonObject]", answer["items"])
    head = ("holder", "name", "unit", "window", "limit", "settled", "held", "used")
    for line in table(head, [_standing(item) for item in items]):
        click.echo(line)
    if len(items) < cast("int", answer["total"]):
        click.echo(f"{answer['total']} in all: narrow it by --holder, --name or --over", err=True)


def _standing(item: JsonObject) -> Sequence[str]:
    holder, window = cast("JsonObject", item["holder"]), cast("JsonObject", item["window"])
    match window["kind"]:
        case "calendar":
            when = str(window["span"])
        case "rolling":
            when = f"{window['seconds']}s"
        case _:
            when = "now"
    amounts: list[Json] = [item[name] for name in ("limit", "settled", "held")]
    used = f"{cast('float', item['used']) * 100:.1f}%"
    return [str(holder["kind"]), str(holder["name"]), str(item["unit"]), when, *map(str, amounts), used]


def _place(name: str) -> tuple[bool, bool]:
    """Times first, and last a key's name, which may be empty."""
    return name not in _SPANS, name == "key_name"


def _totals(rows: Sequence[JsonObject]) -> list[str]:
    usd = sum(nano_usd(Decimal(str(row["usd"]))) for row in rows)
    return [usd_text(usd), *(str(sum(cast("int", row[name]) for row in rows)) for name in _AMOUNTS[1:])]
