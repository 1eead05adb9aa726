from datetime import date
from decimal import Decimal

import pytest

from billing.reader import BadReading, read_readings


def test_reads_and_sorts():
    readings = read_readings(
        "meter,time,kwh\n"
        "A-2,2025-11-03T08:00:00+01:00,2.50\n"
        "A-1,2025-11-02T08:00:00+01:00,1.25\n"
    )
    assert [reading.meter for reading in readings] == ["A-1", "A-2"]
    assert readings[0].kwh == Decimal("1.25")


def test_empty_lines_are_skipped():
    assert read_readings("meter,time,kwh\n\n\n") == []


def test_the_day_is_the_customers_day():
    [reading] = read_readings("meter,time,kwh\nA-1,2025-11-01T00:30:00+01:00,1\n")
    assert reading.day == date(2025, 11, 1)


def test_the_same_moment_sorts_the_same_in_any_offset():
    readings = read_readings(
        "meter,time,kwh\n"
        "B,2025-11-02T09:00:00+02:00,1\n"
        "A,2025-11-02T07:30:00+01:00,1\n"
    )
    assert [reading.meter for reading in readings] == ["A", "B"]


@pytest.mark.parametrize(
    "line, words",
    [
        ("A-1,2025-11-02T08:00:00+01:00", "expected 3 fields"),
        ("A-1,2025-11-02T08:00:00,1", "no UTC offset"),
        ("A-1,2025-11-02T08:00:00+01:00,much", "line 2"),
    ],
)
def test_bad_lines_are_named(line, words):
    with pytest.raises(BadReading, match=words):
        read_readings(f"meter,time,kwh\n{line}\n")
