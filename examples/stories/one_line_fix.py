"""A cache that drops pages while people read them: one line is missing."""

TITLE = "One line fixes it"
SHOWS = """A page cache drops the page that is read most. The developer runs the tests, reads the two methods that ought to keep
the order of use, checks the idea with a three-line experiment, adds the missing line and commits."""

SESSION = {
    "participant_id": "dev-maren",
    "role": "human_dev",
    "consent": {"rationales": True, "commands": True, "snapshots": True},
    "client_clock": {"tz": "Europe/Berlin", "start_unix_s": 1772524800},
}
TASK = {
    "id": "pagecache-31",
    "title": "The front page is rendered again and again",
    "description": "With a full cache the front page is rendered on almost every visit, although it is the page that is "
                   "read most. The least recently used page should go first.",
}
REPO = {
    "origin": "https://git.example.org/web/pagecache.git",
    "branch": "main",
    "language_stats": [{"lang": "python", "ratio": 1.0}],
}
ENVIRONMENT = {"os": "Debian 12", "ide_version": "1.96.2", "python_version": "3.11", "tools": ["pytest", "git"]}

EXPERIMENT = """python3 -c '
from pagecache import Cache
cache = Cache(2)
cache.put("a", 1); cache.put("b", 2)
cache.get("a")
print(cache.keys())
'"""


def tell(s):
    s.note(21.4, plan="Run the suite first to see which promises are broken, then look at how the cache keeps its order.")
    s.test(38.9, report=True)
    s.cmd(52.3, "grep -n 'move_to_end\\|popitem' pagecache/cache.py")
    s.chunk()
    s.note(64.7, observation="Only put() moves an entry to the end. get() reads it and leaves it where it was.",
           hypothesis="Reading does not count as a use, so eviction is by age of writing and the front page goes first.")
    s.cmd(47.2, EXPERIMENT)
    s.test(19.6, selection="tests/test_cache.py::test_reading_counts_as_a_use")
    s.edit(58.1, "pagecache/cache.py", (
        "        self.stats.hits += 1\n        return entry[0]\n",
        "        self._entries.move_to_end(key)\n        self.stats.hits += 1\n        return entry[0]\n",
    ))
    s.chunk()
    s.test(16.8)
    s.note(33.5, observation="Both failing tests pass and nothing else changed.",
           decision="Move only on a hit, after the age check: an entry that is too old is deleted, not moved. "
                    "`in` stays without effect on the order, as its test asks.")
    s.commit(40.2, "Count reading as a use\n\nget() left the entry where it was, so the cache evicted by time of writing.")
