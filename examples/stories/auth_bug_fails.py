"""A change of keys logs everybody out; the attempt mends that, breaks something else, and does not get to the end."""

TITLE = "An attempt that fails"
SHOWS = """Login tickets stop working when a new signing key is added, on slow clocks, and revoking one can miss. The developer
mends the first, gets the sign of the clock tolerance wrong, does not reach the third, and opens a hole: a revoked ticket
is accepted again under another key's name. The session ends with failing tests and says so."""

SESSION = {
    "participant_id": "dev-ines",
    "role": "human_dev",
    "consent": {"rationales": True, "commands": True, "snapshots": True},
    "client_clock": {"tz": "Europe/Lisbon", "start_unix_s": 1773828000},
}
TASK = {
    "id": "gatekeeper-77",
    "title": "Everybody is logged out when a signing key is added",
    "description": "After the monthly change of keys all tickets are refused. Also reported: tickets refused by servers "
                   "whose clocks differ by a few seconds, and a revoked ticket that still worked.",
}
REPO = {
    "origin": "https://git.example.org/login/gatekeeper.git",
    "branch": "main",
    "language_stats": [{"lang": "python", "ratio": 1.0}],
}
ENVIRONMENT = {"os": "Debian 12", "ide_version": "1.96.2", "python_version": "3.11", "tools": ["pytest", "git"]}

ROTATION = """python3 -c '
from gatekeeper.gate import Gate
from gatekeeper.keyring import KeyRing
ring = KeyRing(); ring.add("spring", b"one")
gate = Gate(ring); ticket = gate.issue("ada")
print(gate.check(ticket), [key.name for key in ring.all()])
ring.add("summer", b"two"); ring.retire("spring")
print(gate.check(ticket), [key.name for key in ring.all()])
'"""

CLOCK = '''"""Comparing times of servers whose clocks differ a little."""

SKEW_S = 30


def is_past(moment, now):
    """Whether a moment is over, allowing for the difference of clocks."""
    return now + SKEW_S > moment
'''


def tell(s):
    s.note(27.5, plan="See which tests fail, start with the change of keys because it hits everybody, then clocks, then revoking.")
    s.test(41.0, report=True)
    s.cmd(36.4, "grep -n 'newest\\|SKEW_S\\|_revoked' gatekeeper/gate.py")
    s.note(74.2, observation="check() always uses the newest key, and SKEW_S is defined but never used.",
           hypothesis="A ticket signed with an older key can never be verified once a newer one is there.",
           decision="Try every key of the ring.")
    s.edit(88.7, "gatekeeper/gate.py", (
        "        key = self._ring.newest()\n        if not hmac.compare_digest(sign(key, body), signature):\n",
        "        if not any(hmac.compare_digest(sign(key, body), signature) for key in self._ring.all()):\n",
    ))
    s.chunk()

    s.cmd(62.9, ROTATION)
    s.remark(39.3, "Hm, that last one should have been refused: spring was retired. all() hands out retired keys as well.")
    s.edit(45.8, "gatekeeper/keyring.py", (
        '        """Every key, newest first."""\n        return list(reversed(self._keys.values()))\n',
        '        """Every key that is not retired, newest first."""\n'
        "        return [key for key in reversed(self._keys.values()) if not key.retired]\n",
    ))
    s.note(50.6, plan="Now the clocks. Put the tolerance into a function of its own, so that every comparison uses the same one.")
    s.write(83.1, "gatekeeper/clock.py", CLOCK)
    s.edit(57.7, "gatekeeper/gate.py",
           ("from gatekeeper.ticket import", "from gatekeeper.clock import SKEW_S, is_past\nfrom gatekeeper.ticket import"),
           ("\n\nSKEW_S = 30\n\n\nclass", "\n\n\nclass"),
           ("        if self._clock() > ticket.expires:\n", "        if is_past(ticket.expires, self._clock()):\n"))
    s.chunk()

    s.test(24.3, report=True)
    s.note(96.5, observation="The change of keys works. The slow clock still fails, revoking after reading from a header still "
                             "fails, and a test that passed before fails now: a revoked ticket is good again under another key's name.",
           hypothesis="The key's name in front is no longer part of what is checked, but revoking remembers the whole text.")
    s.cmd(68.0, "git diff --stat")
    s.test(33.6, selection="tests/test_gate.py::test_a_slow_clock_elsewhere_is_forgiven")
    s.note(79.4, decision="Out of time. Not committed: three tests fail, and one of them is worse than before.",
           next_step="Use the key that the ticket names instead of trying all, revoke by serial number, and look again at "
                     "which side of the comparison the tolerance belongs to.")
