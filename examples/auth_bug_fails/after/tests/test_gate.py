import pytest

from gatekeeper.gate import SKEW_S, Gate
from gatekeeper.keyring import KeyRing
from gatekeeper.ticket import BadTicket


class FakeClock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return FakeClock(1000.0)


@pytest.fixture
def ring():
    ring = KeyRing()
    ring.add("spring", b"first key of the tests")
    return ring


@pytest.fixture
def gate(ring, clock):
    return Gate(ring, lifetime_s=600, clock=clock)


def test_a_fresh_ticket_is_good(gate):
    assert gate.check(gate.issue("ada")) == "ada"


def test_a_changed_body_is_refused(gate):
    name, body, signature = gate.issue("ada").split(".")
    other = gate.issue("bob").split(".")[1]
    with pytest.raises(BadTicket, match="wrong signature"):
        gate.check(".".join([name, other, signature]))


@pytest.mark.parametrize("text", ["", "spring", "a.b", "a.b.c.d"])
def test_anything_else_is_refused(gate, text):
    with pytest.raises(BadTicket, match="not a ticket"):
        gate.check(text)


def test_a_ticket_expires(gate, clock):
    ticket = gate.issue("ada")
    clock.now += 600 + SKEW_S + 1
    with pytest.raises(BadTicket, match="expired"):
        gate.check(ticket)


def test_a_slow_clock_elsewhere_is_forgiven(gate, clock):
    ticket = gate.issue("ada")
    clock.now += 600 + SKEW_S - 1
    assert gate.check(ticket) == "ada"


def test_a_new_key_logs_nobody_out(gate, ring):
    ticket = gate.issue("ada")
    ring.add("summer", b"second key of the tests")
    assert gate.check(ticket) == "ada"


def test_a_retired_key_is_refused(gate, ring):
    ticket = gate.issue("ada")
    ring.add("summer", b"second key of the tests")
    ring.retire("spring")
    with pytest.raises(BadTicket, match="wrong signature"):
        gate.check(ticket)


def test_renewing_revokes_the_old_ticket(gate):
    old = gate.issue("ada")
    new = gate.renew(old)
    assert gate.check(new) == "ada"
    with pytest.raises(BadTicket, match="revoked"):
        gate.check(old)


def test_a_revoked_ticket_is_refused_under_any_key_name(gate, ring):
    ticket = gate.issue("ada")
    ring.add("summer", b"second key of the tests")
    gate.revoke(ticket)
    renamed = "summer" + ticket[len("spring"):]
    for text in (ticket, renamed):
        with pytest.raises(BadTicket):
            gate.check(text)


def test_a_ticket_read_from_a_header_can_be_revoked(gate):
    ticket = gate.issue("ada")
    gate.revoke(ticket + "\r\n")
    with pytest.raises(BadTicket, match="revoked"):
        gate.check(ticket)
