"""Adds up readings and puts a price on them."""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


def to_cents(amount):
    """Rounds half up, as the contracts say."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


@dataclass(frozen=True)
class Line:
    meter: str
    kwh: Decimal
    amount: Decimal


@dataclass
class Invoice:
    period: object
    lines: list = field(default_factory=list)

    @property
    def kwh(self):
        return sum((line.kwh for line in self.lines), Decimal(0))

    @property
    def total(self):
        return to_cents(sum((line.amount for line in self.lines), Decimal(0)))

    def as_text(self):
        rows = [f"{line.meter:<8}{line.kwh:>10} kWh{to_cents(line.amount):>10}" for line in self.lines]
        rows.append(f"{'total':<8}{self.kwh:>10} kWh{self.total:>10}")
        return "\n".join(rows)


def make_invoice(readings, period, price):
    """One line a meter, in the order of the meters' names."""
    used = defaultdict(Decimal)
    for reading in readings:
        if reading.day in period:
            used[reading.meter] += reading.kwh
    lines = [Line(meter, kwh, kwh * price) for meter, kwh in sorted(used.items())]
    return Invoice(period, lines)
