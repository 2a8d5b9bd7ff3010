"""The digest under which a key is known."""

from extproc.config.digest import hash_key


def test_a_key_is_known_by_what_sha256sum_prints_for_it():
    assert hash_key("Hello World!") == "7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069"
