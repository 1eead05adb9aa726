"""A November invoice that is too low: three causes in three files, and two wrong ideas on the way."""

TITLE = "Three files, and two wrong ideas on the way"
SHOWS = """An invoice is too low. The developer suspects the CSV reader, then the rounding mode, and rules out both by experiment;
a first edit helps in the wrong place and is taken back. In the end there are three causes in three files: days in UTC,
a period without its last day, lines rounded only when printed. Four test runs, one commit."""

SESSION = {
    "participant_id": "dev-tomasz",
    "role": "human_dev",
    "consent": {"rationales": True, "commands": True, "snapshots": True},
    "client_clock": {"tz": "Europe/Warsaw", "start_unix_s": 1773216000},
}
TASK = {
    "id": "billing-208",
    "title": "The November invoice is too low",
    "description": "A customer reads 43.0 kWh off the meters for November, the invoice says 28.0 kWh. On another invoice "
                   "the three lines add up to 0.39 but the total says 0.38.",
}
REPO = {
    "origin": "https://git.example.org/energy/billing.git",
    "branch": "main",
    "language_stats": [{"lang": "python", "ratio": 1.0}],
}
ENVIRONMENT = {"os": "Debian 12", "ide_version": "1.96.2", "python_version": "3.11", "tools": ["pytest", "git"]}

COUNT_READINGS = """python3 -c '
from billing.reader import read_readings
from tests.test_invoice import NOVEMBER
print(len(NOVEMBER.splitlines()) - 1, "lines,", len(read_readings(NOVEMBER)), "readings")
'"""

ROUNDING = """python3 -c '
from decimal import Decimal
from billing.invoice import to_cents
print(to_cents(Decimal("0.125")), to_cents(Decimal("0.375")), to_cents(Decimal("0.005")))
'"""

DAYS = """python3 -c '
from billing.period import Period
from billing.reader import read_readings
from tests.test_invoice import NOVEMBER
for reading in read_readings(NOVEMBER):
    print(reading.time, reading.day, reading.day in Period.month(2025, 11))
'"""

FILTER = "        if reading.day in period:\n"
FILTER_BY_HAND = "        if period.first <= reading.day <= period.last:\n"


def tell(s):
    s.note(35.0, plan="Reproduce with the suite, follow one invoice from the CSV text to the total, and find where the first "
                      "kWh is lost before touching anything.")
    s.test(44.2, report=True)
    s.cmd(71.8, "sed -n '41,48p' billing/invoice.py")
    s.note(63.4, observation="15 of 43 kWh are missing in test_a_month_is_billed_whole.",
           hypothesis="The reader loses lines: 15 kWh are two whole readings.")
    s.cmd(92.6, COUNT_READINGS)
    s.note(28.3, observation="Five lines, five readings: the reader loses nothing. The idea was wrong.",
           hypothesis="The total of 0.38 points at rounding: perhaps half-even instead of half up.")
    s.chunk()

    s.cmd(55.9, ROUNDING)
    s.note(40.7, observation="0.13, 0.38, 0.01: that is half up, so the rounding mode is right and this idea was wrong too. "
                             "Rounding could not lose whole kWh anyway.",
           hypothesis="The choice of days drops readings at the edges of the month.")
    s.cmd(31.5, "grep -n 'period' billing/invoice.py")
    s.edit(66.0, "billing/invoice.py", (FILTER, FILTER_BY_HAND))
    s.test(18.4, selection="tests/test_invoice.py")
    s.note(84.9, observation="The 5 kWh of 30 November are back, but so are 99 kWh of 1 December, the 10 kWh of 1 "
                             "November are still missing, and Period still says that its last day is not in it.",
           decision="Take the edit back: the comparison belongs into Period, where everybody gets it.")
    s.chunk()

    s.edit(22.7, "billing/invoice.py", (FILTER_BY_HAND, FILTER))
    s.edit(49.3, "billing/period.py", ("self.first <= day < self.last", "self.first <= day <= self.last"))
    s.cmd(77.1, DAYS)
    s.note(58.8, observation="The first reading was taken at 00:15 on 1 November on the customer's clock, and is filed under "
                             "31 October.",
           hypothesis="The reader turns every time into UTC, and the day is taken from that.")
    s.edit(93.2, "billing/reader.py",
           ("from datetime import datetime, timezone\n", "from datetime import datetime\n"),
           ("    return time.astimezone(timezone.utc)\n", "    return time\n"))
    s.test(20.1)
    s.chunk()

    s.note(69.6, observation="One failure is left: three lines of 0.125 are printed as 0.13 each and summed to 0.375.",
           hypothesis="Lines are rounded only when printed, so the total is made of other numbers than the paper shows.",
           plan="Round when the line is made; then printing needs no rounding of its own.")
    s.edit(51.5, "billing/invoice.py", (
        "Line(meter, kwh, kwh * price)", "Line(meter, kwh, to_cents(kwh * price))"))
    s.edit(37.3, "billing/invoice.py", (
        "{to_cents(line.amount):>10}", "{line.amount:>10}"))
    s.test(17.9, report=True)
    s.commit(88.4, "Bill whole months, on the customer's days, in whole cents\n\n"
                   "Days were taken in UTC, a period left out its last day, and lines were rounded only when printed.")
    s.note(45.0, decision="Readings keep their own offset; sorting still works because aware times compare by moment.",
           next_step="Ask whether invoices already sent for months since the UTC change have to be corrected.")
