import pytest

from gatekeeper.keyring import KeyRing


def test_the_newest_key_signs():
    ring = KeyRing()
    ring.add("spring", b"one")
    ring.add("summer", b"two")
    assert ring.newest().name == "summer"
    ring.retire("summer")
    assert ring.newest().name == "spring"


def test_a_name_is_used_once():
    ring = KeyRing()
    ring.add("spring", b"one")
    ring.retire("spring")
    with pytest.raises(ValueError):
        ring.add("spring", b"again")


def test_an_empty_ring_cannot_sign():
    with pytest.raises(LookupError):
        KeyRing().newest()
