"""The span of days an invoice covers."""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Period:
    """From `first` to `last`, both included."""

    first: date
    last: date

    def __post_init__(self):
        if self.last < self.first:
            raise ValueError("a period must not end before it starts")

    @classmethod
    def month(cls, year, month):
        days = calendar.monthrange(year, month)[1]
        return cls(date(year, month, 1), date(year, month, days))

    def __contains__(self, day):
        return self.first <= day <= self.last

    def __len__(self):
        return (self.last - self.first).days + 1

    def next_month(self):
        after = self.last + timedelta(days=1)
        return Period.month(after.year, after.month)
