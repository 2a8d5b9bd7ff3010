"""Values that YAML has no type for."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from extproc.config import scalars


def read(kind, value):
    return TypeAdapter(kind).validate_python(value)


def refuses(kind, value):
    with pytest.raises(ValidationError):
        read(kind, value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("500ms", 0.5),
        ("2m", 120),
        ("1h", 3600),
        ("1.5s", 1.5),
        ("90", 90),
        (90, 90),
        (0.25, 0.25),
        ("24h", 86400),
        ("2 s", 2),
    ],
)
def test_durations(text, seconds):
    assert read(scalars.Duration, text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "10x", "-1s", "1h30m", "1e3", "inf", "nan", 0, "0s", -1, "25h", True, None, [], float("nan")]
)
def test_what_is_no_duration(text):
    refuses(scalars.Duration, text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("50MiB", 50 * 2**20),
        ("8MB", 8_000_000),
        ("64 kib", 65536),
        ("1GiB", 2**30),
        ("2048B", 2048),
        ("4096", 4096),
        (4096, 4096),
        ("1.5KiB", 1536),
    ],
)
def test_sizes(text, count):
    assert read(scalars.Size, text) == count


@pytest.mark.parametrize("text", ["", "MiB", "5M", "5TB", -1, 0, "1B", "2GiB", True, None, {}])
def test_what_is_no_size(text):
    refuses(scalars.Size, text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T18:00:00Z", datetime(2027, 1, 31, 18, tzinfo=UTC)),
        ("2027-01-31T18:00:00+01:00", datetime(2027, 1, 31, 17, tzinfo=UTC)),
        ("2027-01-31 18:00", datetime(2027, 1, 31, 18, tzinfo=UTC)),
    ],
)
def test_a_bare_date_is_its_first_instant_in_utc_and_a_time_without_zone_is_utc(text, moment):
    assert read(scalars.Instant, text) == moment
    assert read(scalars.Instant, text).tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["", "2027", "31.01.2027", "2027-13-01", "2027-02-29", "20270131", "0001-01-01T00:00+23:00", 2027, None]
)
def test_what_is_no_instant(text):
    refuses(scalars.Instant, text)


@pytest.mark.parametrize("value", [400, 429, 599, "429", "connect", "timeout"])
def test_retry_conditions(value):
    assert read(scalars.Retry, value) == (429 if value == "429" else value)


@pytest.mark.parametrize("value", [200, 399, 600, "reset", "5xx", True, None, 429.0])
def test_what_is_no_retry_condition(value):
    refuses(scalars.Retry, value)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1//", "https://api.openai.com/v1"),
        ("http://vllm:8000", "http://vllm:8000"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    ],
)
def test_urls_lose_their_last_slash(url, kept):
    assert read(scalars.HttpUrl, url) == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "api.openai.com/v1",
        "ftp://host",
        "http://host:0",
        "http://host:99999",
        "http://[::1",
        "http://ho st",
        "http://host/?",
        "http://host/v1?a=b",
        "http://host/#",
        "http://user@host",
        "http://:pass@host",
        "http://höst",
        1,
    ],
)
def test_what_is_no_url(url):
    refuses(scalars.HttpUrl, url)


@pytest.mark.parametrize(
    "url",
    [
        "embedded",
        "redis://host",
        "rediss://:p@host:6380/1",
        "redis+sentinel://a:1,b:2/master",
        "redis+cluster://host:6379",
        "unix:///run/redis.sock",
        "none",
    ],
)
def test_stores(url):
    assert read(scalars.StoreUrl, url) == url


@pytest.mark.parametrize(
    "url", ["memory", "redis:/host", "redis://", "redis+ring://host", "sqlite:///x", "unix://run", None]
)
def test_what_is_no_store(url):
    refuses(scalars.StoreUrl, url)


def test_digests_are_taken_with_and_without_prefix_in_any_case():
    assert read(scalars.Digest, "sha256:" + "AB" * 32) == "ab" * 32
    assert read(scalars.Digest, " " + "Ab" * 32 + "\n") == "ab" * 32
    for value in ("ab" * 31, "ab" * 33, "xy" * 32, "md5:" + "ab" * 32, None, 5):
        refuses(scalars.Digest, value)


def test_a_secret_hides_its_text_and_takes_nothing_a_header_would_not():
    secret = read(scalars.SecretText, "sk-1")
    assert secret.reveal() == "sk-1"
    assert "sk-1" not in f"{secret} {secret!r}"
    for value in ("", " ", "a b", "a\n", "ä", 1, None):
        refuses(scalars.SecretText, value)


def test_header_names_are_lower_case_and_values_one_line():
    assert read(scalars.HeaderName, "X-Beta") == "x-beta"
    assert read(scalars.HeaderValue, "a b\tc") == "a b\tc"
    for name in ("", "a b", "a:b", "Host", "Content-Length", "X-Envoy-Anything"):
        refuses(scalars.HeaderName, name)
    for value in ("a\r\nb", "a\0", "ä", 1):
        refuses(scalars.HeaderValue, value)


def test_addresses_are_ip_addresses():
    assert read(scalars.Address, "localhost") == "127.0.0.1"
    assert read(scalars.Address, "::") == "::"
    for value in ("", "0.0.0", "256.0.0.1", "example.com", "127.0.0.1:80", 1):
        refuses(scalars.Address, value)
