from decimal import Decimal

from billing.invoice import make_invoice, to_cents
from billing.period import Period
from billing.reader import read_readings

NOVEMBER = """meter,time,kwh
A-1,2025-11-01T00:15:00+01:00,10.0
A-1,2025-11-14T12:00:00+01:00,20.5
A-2,2025-11-20T12:00:00+01:00,7.5
A-1,2025-11-30T23:45:00+01:00,5.0
A-2,2025-12-01T00:05:00+01:00,99.0
"""


def test_rounds_half_up():
    assert to_cents(Decimal("0.125")) == Decimal("0.13")
    assert to_cents(Decimal("2.675")) == Decimal("2.68")


def test_a_month_is_billed_whole():
    invoice = make_invoice(read_readings(NOVEMBER), Period.month(2025, 11), Decimal("0.30"))
    assert invoice.kwh == Decimal("43.0")
    assert invoice.total == Decimal("12.90")


def test_the_lines_add_up_to_the_total():
    text = "meter,time,kwh\n" + "".join(
        f"M-{number},2025-11-10T12:00:00+01:00,0.5\n" for number in range(3)
    )
    invoice = make_invoice(read_readings(text), Period.month(2025, 11), Decimal("0.25"))
    assert [to_cents(line.amount) for line in invoice.lines] == [Decimal("0.13")] * 3
    assert invoice.total == Decimal("0.39")


def test_nothing_used_is_nothing_to_pay():
    invoice = make_invoice([], Period.month(2025, 11), Decimal("0.30"))
    assert invoice.total == 0
    assert invoice.as_text().startswith("total")
