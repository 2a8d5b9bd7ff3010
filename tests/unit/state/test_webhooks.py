"""What goes to a webhook: the generic document and its signature, Slack's message, and what an answer asks for."""

import hashlib
import hmac

import orjson
import pytest

from extproc.config.snapshot import Secret, Webhook
from extproc.domain.meters import Window
from extproc.state.alert_log import Alert
from extproc.state.webhooks import message, retry_after_seconds, signature, webhook_name

NOW = 1_795_000_000
NOW_NS = NOW * 1_000_000_000
TOKEN = "T0/B0/canary"
SLACK = Webhook(Secret(f"https://hooks.slack.com/services/{TOKEN}"), "slack")
GENERIC = Webhook(Secret(f"https://u:{TOKEN[:2]}@hooks.example.com:8443/in?token={TOKEN}"))
SIGNED = Webhook(GENERIC.url, secret=Secret("whsec"))


def alert(team="search"):
    scope = (("team", team),)
    amounts = {"share": 8000, "settled": 1600 * 10**9, "limit": 2000 * 10**9}
    window = Window("calendar", "month")
    return Alert(
        id="llmgw-7-0",
        time_ms=NOW * 1000 + 5,
        meter=f"usd:month:team={team}",
        scope=scope,
        unit="usd",
        window=window,
        start=1793491200,
        end=1796083200,
        **amounts,
    )


def test_a_generic_webhook_gets_the_alerts_document():
    sent = message(GENERIC, alert(), NOW_NS)
    assert orjson.loads(sent.body) == alert().document()
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["x-llmgw-id"] == orjson.loads(sent.body)["id"] == "llmgw-7-0"
    assert sent.url.reveal() == GENERIC.url.reveal()


def test_a_receiver_can_check_the_signature():
    sent = message(SIGNED, alert(), NOW_NS)
    parts = dict(part.split("=", 1) for part in sent.headers["x-llmgw-signature"].split(","))
    expected = hmac.new(b"whsec", parts["t"].encode() + b"." + sent.body, hashlib.sha256).hexdigest()
    assert parts == {"t": str(NOW), "v1": expected}


def test_the_signature_is_of_this_body_time_and_secret():
    made = {
        signature(Secret(secret), body, seconds)
        for secret, body, seconds in [("a", b"x", 1), ("b", b"x", 1), ("a", b"y", 1), ("a", b"x", 2)]
    }
    assert len({value.partition("v1=")[2] for value in made}) == 4


def test_without_a_secret_nothing_is_signed():
    assert "x-llmgw-signature" not in message(GENERIC, alert(), NOW_NS).headers


def test_a_repetition_has_the_same_id_and_body():
    first, second = message(SIGNED, alert(), NOW_NS), message(SIGNED, alert(), NOW_NS + 10**12)
    assert (first.body, first.headers["x-llmgw-id"]) == (second.body, second.headers["x-llmgw-id"])


def test_slack_gets_a_message_with_text_and_blocks():
    line = 'Budget of team "search": 80 % used (1600.00 of 2000.00 USD, month from 2026-11-01).'
    assert orjson.loads(message(SLACK, alert(), NOW_NS).body) == {
        "text": line,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": f":warning: {line}", "verbatim": True}},
            {
                "type": "context",
                "elements": [{"type": "mrkdwn", "text": "2026-11-18 11:06:40 UTC, alert llmgw-7-0", "verbatim": True}],
            },
        ],
    }


def test_the_name_of_a_team_can_ping_nobody_in_slack():
    body = message(SLACK, alert("<!channel> & co"), NOW_NS).body
    assert b"&lt;!channel&gt; &amp; co" in body
    assert b"<!" not in body


def test_the_longest_names_stay_within_a_block_of_slack():
    sent = orjson.loads(message(SLACK, alert("&" * 10_000), NOW_NS).body)
    assert len(sent["blocks"][0]["text"]["text"]) < 3000


@pytest.mark.parametrize("webhook", [SLACK, GENERIC, SIGNED])
def test_a_webhooks_name_shows_its_host_and_nothing_of_a_token(webhook):
    name = webhook_name(webhook)
    assert name.partition("#")[0] in {"hooks.slack.com", "hooks.example.com"}
    assert "T0" not in name
    assert name == webhook_name(webhook)
    assert TOKEN not in repr(message(webhook, alert(), NOW_NS))


def test_webhooks_of_one_host_have_different_names():
    assert webhook_name(SLACK) != webhook_name(Webhook(Secret("https://hooks.slack.com/services/other"), "slack"))
    assert webhook_name(SLACK) != webhook_name(Webhook(SLACK.url, "generic"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, 0),
        ("30", 30),
        (" 30 ", 30),
        ("Wed, 18 Nov 2026 11:07:40 GMT", 60),
        ("Wed, 18 Nov 2026 11:07:40 -0000", 60),
        ("Wed, 18 Nov 2026 11:05:40 GMT", 0),
        ("-5", 0),
        ("9" * 400, 0),
        ("2678399", 2678399),
        ("2678400", 0),
        ("Wed, 18 Nov 9999 11:05:40 GMT", 0),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 0),
        ("Wed, 18 Nov 2026 11:07:40 +9999999999999999999999", 0),
        ("soon", 0),
        ("", 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date_within_a_month(text, seconds):
    assert retry_after_seconds(text, NOW_NS) == pytest.approx(seconds)
