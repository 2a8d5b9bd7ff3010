"""URLs of stores: what each form means, what is refused, and that no password is shown."""

import pytest

from extproc.config.address import Address, AddressError, parse_address

READ = {
    "redis://localhost": Address("single", hosts=(("localhost", 6379),)),
    "redis://h:1/5": Address("single", hosts=(("h", 1),), db=5),
    "redis://[::1]:7000": Address("single", hosts=(("::1", 7000),)),
    "redis://[::1]": Address("single", hosts=(("::1", 6379),)),
    "redis://:pw@h": Address("single", hosts=(("h", 6379),), password="pw"),
    "redis://u:p%40%2F%3A@h": Address("single", hosts=(("h", 6379),), username="u", password="p@/:"),
    "redis://u:p@ss@h": Address("single", hosts=(("h", 6379),), username="u", password="p@ss"),
    "rediss://h:6380": Address("single", tls=True, hosts=(("h", 6380),)),
    "unix:///run/r.sock": Address("unix", path="/run/r.sock"),
    "unix://:pw@/run/a%20b.sock?db=3": Address("unix", path="/run/a b.sock", db=3, password="pw"),
    "redis+sentinel://a,b:2/main": Address("sentinel", hosts=(("a", 26379), ("b", 2)), service="main"),
    "rediss+sentinel://u:p@a/main/4?sentinel_username=su&sentinel_password=s%26p": Address(
        "sentinel",
        tls=True,
        hosts=(("a", 26379),),
        service="main",
        db=4,
        username="u",
        password="p",
        sentinel_username="su",
        sentinel_password="s&p",
    ),
    "redis+cluster://a:1,[::2]:2": Address("cluster", hosts=(("a", 1), ("::2", 2))),
    "rediss+cluster://u:p@a/0": Address("cluster", tls=True, hosts=(("a", 6379),), username="u", password="p"),
}

REFUSED = {
    "localhost:6379": "scheme",
    "http://h": "scheme",
    "redis://": "host is missing",
    "redis://h:0": "the port must be",
    "redis://h:65536": "the port must be",
    "redis://h:six": "the port must be",
    "redis://h:" + "9" * 5000: "the port must be",
    "redis://a,b": "several hosts",
    "redis://h/one": "database",
    "redis://h/" + "9" * 5000: "database",
    "redis://h?timeout=3": "no \\? may stand",
    "redis+sentinel://h/s?db=3": "only sentinel_password and sentinel_username may",
    "unix://": "path of the socket",
    "redis+sentinel://h": "service",
    "redis+cluster://h/1": "no databases",
    "redis+cluster://a,": "host is missing",
}


@pytest.mark.parametrize("url", READ)
def test_a_url_is_read(url):
    assert parse_address(url) == READ[url]


@pytest.mark.parametrize("url", REFUSED)
def test_a_url_that_cannot_be_is_refused_by_name_of_what_is_wrong(url):
    with pytest.raises(AddressError, match=REFUSED[url]):
        parse_address(url)


@pytest.mark.parametrize("url", READ)
def test_a_store_is_known_by_an_address_that_can_be_read_again_but_for_its_credentials(url):
    address = parse_address(url)
    again = parse_address(str(address))
    assert (again.arrangement, again.hosts, again.path, again.service, again.tls, again.db) == (
        *(address.arrangement, address.hosts, address.path),
        *(address.service, address.tls, address.db),
    )


@pytest.mark.parametrize("url", ["redis://u:canary@h", "redis+sentinel://u:canary@h/s?sentinel_password=canary"])
def test_no_password_is_shown(url):
    address = parse_address(url)
    assert "canary" not in repr(address) + str(address)


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:canary@h:x",
        "redis://u:canary@",
        "rdis://u:canary@h",
        "redis://u:canary@h/x",
        "redis://canary:x/y@h",
        "redis://:a?canary=b@h",
    ],
)
def test_no_password_is_shown_where_the_url_is_refused_also_one_that_should_have_been_encoded(url):
    with pytest.raises(AddressError) as caught:
        parse_address(url)
    assert "canary" not in str(caught.value)
