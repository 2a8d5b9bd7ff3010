"""What an alert says, to people and to programs, and that a meter's id can be read back."""

from datetime import datetime

import pytest

from extproc.domain.meters import Meter, Window, meter_id, parse_meter_id
from extproc.domain.money import NANOS
from extproc.state.alert_log import read_alert
from extproc.state.layout import meter_name

NOVEMBER = 1793491200  # 2026-11-01T00:00:00Z
MARCH_BERLIN = 1774738800  # 2026-03-29T00:00:00+01:00, the day on which the clocks go forward

MONTH = Window("calendar", "month")
WINDOWS = [
    MONTH,
    Window("calendar", "total"),
    Window("calendar", "day", timezone="Europe/Berlin"),
    Window("calendar", "hour", timezone="America/Argentina/Buenos_Aires"),
    Window("rolling", seconds=60),
    Window("now"),
]
SCOPES = [
    (),
    (("team", "search"),),
    (("key", "a=b&c:d%"), ("model", "generate")),
    (("tag:environment", "qä / 1"),),
    (("tag:a:b=c&d", "x:y"), ("user", "")),
    (("user", "Europe/Berlin:team"),),
]


def raised(window, scope=(("team", "search"),), unit="usd", start=0, **fields):
    entry = {"meter": meter_id(scope, unit, window), "start": start, "share": 8000, "at": 1795000000123}
    entry |= {"settled": 1600 * NANOS, "limit": 2000 * NANOS} | fields
    return read_alert("llmgw", "7-0", {name.encode(): str(value).encode() for name, value in entry.items()})


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("scope", SCOPES)
def test_a_meters_id_says_what_it_was_made_of(scope, window):
    assert parse_meter_id(meter_id(scope, "input_tokens", window)) == (scope, "input_tokens", window)


@pytest.mark.parametrize(
    "text", ["", "usd", "eur:month:team=a", "usd:fortnight:team=a", "usd:xs:team=a", "usd:60:team=a"]
)
def test_what_is_no_meters_id_is_said(text):
    with pytest.raises(ValueError, match=r"."):
        parse_meter_id(text)


SENTENCES = [
    (
        raised(MONTH, start=NOVEMBER),
        'Budget of team "search": 80 % used (1600.00 of 2000.00 USD, month from 2026-11-01).',
    ),
    (
        raised(Window("calendar", "day", timezone="Europe/Berlin"), start=MARCH_BERLIN, share=8250),
        'Budget of team "search": 82.5 % used (1600.00 of 2000.00 USD, day from 2026-03-29 Europe/Berlin).',
    ),
    (
        raised(
            Window("calendar", "hour"), (("user", "ann"), ("tag:env", "qa")), "tokens", NOVEMBER + 46800, share=10000
        ),
        (
            'Limit of user "ann" and tag env "qa": 100 % used (1600000000000 of 2000000000000 tokens, '
            "hour from 2026-11-01 13:00)."
        ),
    ),
    (
        raised(Window("rolling", seconds=60), (("key", "k1"),), "requests", settled=81, limit=100),
        'Limit of key "k1": 80 % used (81 of 100 requests, the last 60 s).',
    ),
    (
        raised(Window("calendar", "total"), (), settled=1_234_567_890, limit=1_500_000_001, share=1),
        "Budget of the whole gateway: 0.01 % used (1.23 of 1.50 USD, in total).",
    ),
    (
        raised(MONTH, start=NOVEMBER, share=10_000, settled=424 * NANOS, held=1500 * NANOS, needs=77 * NANOS),
        (
            'Budget of team "search" turned a request away, for it needs 77.00: of 2000.00 USD, 424.00 are used and'
            " 1500.00 set aside for others (month from 2026-11-01)."
        ),
    ),
    (
        raised(MONTH, start=NOVEMBER, share=10_000, settled=1800 * NANOS, held=0, needs=0),
        (
            'Budget of team "search" turned a request away, for its ladder says so: of 2000.00 USD, 1800.00 are used and'
            " 0.00 set aside for others (month from 2026-11-01)."
        ),
    ),
    (
        raised(Window("calendar", "total"), settled=1_000, limit=1_250),
        'Budget of team "search": 80 % used (0.000001 of 0.00000125 USD, in total).',
    ),
]


@pytest.mark.parametrize(("alert", "sentence"), SENTENCES)
def test_the_sentence_names_scope_share_and_amounts(alert, sentence):
    assert alert.text == sentence


def test_an_endless_name_does_not_make_an_endless_sentence():
    assert len(raised(MONTH, (("team", "x" * 5000),)).text) < 250


def test_the_document_has_every_amount_to_the_nano_dollar():
    alert = raised(MONTH, start=NOVEMBER, settled=1600 * NANOS + 1)
    assert alert.document() == {
        "id": "llmgw-7-0",
        "type": "budget_alert",
        "time": "2026-11-18T11:06:40.123+00:00",
        "meter": "usd:month:team=search",
        "scope": {"team": "search"},
        "unit": "usd",
        "window": {
            "kind": "calendar",
            "span": "month",
            "seconds": None,
            "start": "2026-11-01T00:00:00+00:00",
            "end": "2026-12-01T00:00:00+00:00",
            "timezone": "UTC",
        },
        "share": 0.8,
        "settled": "1600.000000001",
        "limit": "2000.00",
        "text": 'Budget of team "search": 80 % used (1600.00 of 2000.00 USD, month from 2026-11-01).',
    }


def test_the_document_of_a_request_turned_away_says_what_was_set_aside():
    document = raised(MONTH, start=NOVEMBER, share=10_000, settled=1, held=NANOS, needs=2 * NANOS).document()
    told = {name: document[name] for name in ("type", "share", "settled", "held", "needs", "limit")}
    assert told == {
        "type": "budget_exhausted",
        "share": 1.0,
        "settled": "0.000000001",
        "held": "1.00",
        "needs": "2.00",
        "limit": "2000.00",
    }


def test_other_amounts_are_numbers_and_a_rolling_window_has_no_dates():
    document = raised(Window("rolling", seconds=60), unit="tokens", settled=9, limit=10).document()
    assert (document["settled"], document["limit"]) == (9, 10)
    assert document["window"] == {
        "kind": "rolling",
        "span": None,
        "seconds": 60,
        "start": None,
        "end": None,
        "timezone": "UTC",
    }


ENDS = [
    ("hour", "Asia/Kathmandu", "2026-11-01T00:00:00+05:45", "2026-11-01T01:00:00+05:45"),
    ("day", "Europe/Berlin", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
    ("week", "Europe/Berlin", "2026-10-19T00:00:00+02:00", "2026-10-26T00:00:00+01:00"),
    ("month", "Europe/Berlin", "2026-12-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00"),
    ("year", "UTC", "2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
]


@pytest.mark.parametrize(("span", "zone", "start", "end"), ENDS)
def test_a_window_ends_where_the_next_one_begins_also_when_clocks_change(span, zone, start, end):
    begun = int(datetime.fromisoformat(start).timestamp())
    window = raised(Window("calendar", span, timezone=zone), start=begun).document()["window"]
    assert (window["start"], window["end"]) == (start, end)


@pytest.mark.parametrize(
    "fields",
    [
        {"meter": "eur:month:team=a"},
        {"meter": "usd:month:Mars/Olympus:team=a"},
        {"meter": "usd:month:../../etc:team=a"},
        {"start": "soon"},
        {"start": 10**30},
        {"settled": "much"},
        {"held": "much"},
        {"held": 1, "needs": "much"},
    ],
)
def test_what_is_no_alert_is_said(fields):
    with pytest.raises(ValueError, match=r"."):
        raised(MONTH, **fields)


def test_a_missing_field_is_said():
    with pytest.raises(ValueError, match="not an alert"):
        read_alert("llmgw", "7-0", {b"meter": b"usd:month:team=a"})


def test_the_id_in_the_stream_is_the_meters_own():
    meter = Meter(meter_id((("team", "a"),), "usd", MONTH), (("team", "a"),), "usd", MONTH, 1)
    assert meter_name(meter, NOVEMBER) == f"m:{meter.id}:{NOVEMBER}"
