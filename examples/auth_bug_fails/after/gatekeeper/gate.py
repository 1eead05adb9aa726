"""Issues tickets and says whose ticket is good."""

import hashlib
import hmac
import time

from gatekeeper.clock import SKEW_S, is_past
from gatekeeper.ticket import BadTicket, Ticket, body_of, ticket_of


class Gate:
    """Tickets live `lifetime_s` seconds; servers' clocks may differ by SKEW_S."""

    def __init__(self, ring, lifetime_s=3600, clock=time.time):
        self._ring = ring
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._revoked = set()
        self._issued = 0

    def issue(self, user):
        """A new ticket as text: key name, body, signature."""
        key = self._ring.newest()
        self._issued += 1
        expires = int(self._clock()) + self._lifetime_s
        body = body_of(Ticket(user, expires, f"{key.name}-{self._issued}"))
        return b".".join([key.name.encode(), body, sign(key, body)]).decode()

    def check(self, text):
        """The user of a good ticket; BadTicket for any other."""
        name, body, signature = split(text)
        if not any(hmac.compare_digest(sign(key, body), signature) for key in self._ring.all()):
            raise BadTicket("wrong signature")
        ticket = ticket_of(body)
        if is_past(ticket.expires, self._clock()):
            raise BadTicket("expired")
        if text in self._revoked:
            raise BadTicket("revoked")
        return ticket.user

    def renew(self, text):
        """A fresh ticket for the same user; the old one is revoked."""
        user = self.check(text)
        self.revoke(text)
        return self.issue(user)

    def revoke(self, text):
        """The ticket is not good any more. A bad ticket needs no revoking."""
        self._revoked.add(text)


def sign(key, body):
    return hmac.new(key.material, body, hashlib.sha256).hexdigest().encode()


def split(text):
    parts = text.encode().split(b".")
    if len(parts) != 3:
        raise BadTicket("not a ticket")
    return parts
