from datetime import date

import pytest

from billing.period import Period


def test_a_month_has_all_its_days():
    november = Period.month(2025, 11)
    assert len(november) == 30
    assert date(2025, 11, 1) in november
    assert date(2025, 11, 30) in november
    assert date(2025, 12, 1) not in november


def test_next_month_crosses_the_year():
    assert Period.month(2025, 12).next_month() == Period.month(2026, 1)


def test_a_period_cannot_end_before_it_starts():
    with pytest.raises(ValueError):
        Period(date(2025, 11, 2), date(2025, 11, 1))
