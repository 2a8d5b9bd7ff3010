"""A verifier remembers tokens, but no longer than they, and the key they were signed with, are good."""

import pytest
from signed_tokens import NOW, SECOND, SOURCE, jwk, key_set, token, verifier

from extproc.domain.errors import IdentityUnavailable, Unauthenticated
from extproc.domain.keysets import HeldKeySets

# ---- key sets that change --------------------------------------------------------------------------------------------


def test_while_a_set_was_never_loaded_it_is_not_the_callers_fault():
    keys = HeldKeySets()
    with pytest.raises(IdentityUnavailable) as caught:
        verifier(keys=keys).verify(token(), NOW * SECOND)
    assert (caught.value.status, caught.value.retry_after) == (503, 5.0)
    assert keys.asked == [SOURCE]


async def test_an_unknown_kid_asks_for_a_refresh_and_is_let_in_after_it():
    keys = HeldKeySets({SOURCE: key_set(jwk("p256"))})
    check = verifier(keys=keys)
    with pytest.raises(Unauthenticated):
        await check.identify(token(), NOW * SECOND)
    assert keys.asked == [SOURCE]
    keys.coming[SOURCE] = key_set(jwk("rsa"))
    assert (await check.identify(token(), NOW * SECOND)).user == "ann"
    assert (await check.identify(token(), NOW * SECOND)).user == "ann"


async def test_the_first_set_is_waited_for():
    keys = HeldKeySets()
    keys.coming[SOURCE] = key_set(jwk("rsa"))
    assert (await verifier(keys=keys).identify(token(), NOW * SECOND)).user == "ann"


async def test_a_bad_signature_of_a_known_key_asks_for_nothing():
    keys = HeldKeySets({SOURCE: key_set(jwk("rsa"))})
    with pytest.raises(Unauthenticated):
        await verifier(keys=keys).identify(token(kind="rsa-other", headers={"kid": "rsa"}), NOW * SECOND)
    assert keys.asked == []


def test_a_withdrawn_key_ends_its_tokens_also_those_seen_before():
    keys = HeldKeySets({SOURCE: key_set(jwk("rsa"))})
    check = verifier(keys=keys)
    assert check.verify(token(), NOW * SECOND)
    keys.put(SOURCE, key_set())
    with pytest.raises(Unauthenticated):
        check.verify(token(), NOW * SECOND)


# ---- the cache -------------------------------------------------------------------------------------------------------


class Counting(HeldKeySets):
    """Counts look-ups, each of which goes with a signature check."""

    found = 0

    def find(self, source, kid):
        self.found += 1
        return super().find(source, kid)


def test_a_token_that_comes_again_is_not_checked_again_within_a_minute():
    keys = Counting({SOURCE: key_set(jwk("rsa"))})
    check, text = verifier(keys=keys), token()
    first = check.verify(text, NOW * SECOND)
    assert check.verify(text, (NOW + 59) * SECOND) is first
    assert keys.found == 1
    assert check.verify(text, (NOW + 60) * SECOND) == first
    assert keys.found == 2


def test_a_token_that_expires_while_it_is_remembered_is_refused():
    check, text = verifier(), token(exp=NOW + 10)
    assert check.verify(text, NOW * SECOND)
    assert check.verify(text, (NOW + 10) * SECOND - 1)
    with pytest.raises(Unauthenticated, match="expired"):
        check.verify(text, (NOW + 10) * SECOND)


def test_a_refusal_is_not_remembered():
    check, text = verifier(), token(nbf=NOW + 60)
    with pytest.raises(Unauthenticated):
        check.verify(text, NOW * SECOND)
    assert check.verify(text, (NOW + 60) * SECOND)


def test_the_cache_is_bounded_and_drops_what_was_used_longest_ago(monkeypatch):
    monkeypatch.setattr("extproc.policy.tokens._CACHED", 2)
    keys = Counting({SOURCE: key_set(jwk("ed25519"))})
    check = verifier(keys=keys)
    ann, bob, eve = (token(kind="ed25519", alg="EdDSA", sub=name) for name in ("ann", "bob", "eve"))
    for text in (ann, bob, ann, eve):
        check.verify(text, NOW * SECOND)
    assert keys.found == 3
    check.verify(ann, NOW * SECOND)
    assert keys.found == 3
    check.verify(bob, NOW * SECOND)
    assert keys.found == 4
