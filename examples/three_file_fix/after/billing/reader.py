"""Reads meter readings from CSV text."""

import csv
import io
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

COLUMNS = ["meter", "time", "kwh"]


class BadReading(ValueError):
    """A line that is not a reading; the message names the line."""


@dataclass(frozen=True)
class Reading:
    meter: str
    time: datetime
    kwh: Decimal

    @property
    def day(self):
        return self.time.date()


def read_readings(text):
    """All readings of a CSV text, sorted by time."""
    lines = csv.reader(io.StringIO(text))
    header = next(lines, None)
    if header != COLUMNS:
        raise BadReading(f"line 1: expected {','.join(COLUMNS)}")
    readings = []
    for line in lines:
        if not line:
            continue
        readings.append(_reading(line, lines.line_num))
    return sorted(readings, key=lambda reading: reading.time)


def _reading(line, number):
    if len(line) != len(COLUMNS):
        raise BadReading(f"line {number}: expected {len(COLUMNS)} fields, got {len(line)}")
    meter, time, kwh = (field.strip() for field in line)
    try:
        return Reading(meter, _time(time), Decimal(kwh))
    except (ValueError, InvalidOperation) as error:
        raise BadReading(f"line {number}: {error}") from error


def _time(text):
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text} has no UTC offset")
    return time
