"""What a ticket says, and how it is written as text."""

import base64
import binascii
import json
from dataclasses import dataclass


class BadTicket(Exception):
    """The ticket must not be accepted; the message says why."""


@dataclass(frozen=True)
class Ticket:
    user: str
    expires: int
    serial: str


def body_of(ticket):
    """The bytes that are signed."""
    fields = {"user": ticket.user, "expires": ticket.expires, "serial": ticket.serial}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode())


def ticket_of(body):
    try:
        fields = json.loads(base64.urlsafe_b64decode(body))
        return Ticket(fields["user"], fields["expires"], fields["serial"])
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise BadTicket("not a ticket") from error
