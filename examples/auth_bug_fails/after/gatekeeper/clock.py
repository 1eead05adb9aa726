"""Comparing times of servers whose clocks differ a little."""

SKEW_S = 30


def is_past(moment, now):
    """Whether a moment is over, allowing for the difference of clocks."""
    return now + SKEW_S > moment
