"""A bounded cache that drops the least recently used entry first."""

import time
from collections import OrderedDict
from dataclasses import dataclass

MISSING = object()


@dataclass
class Stats:
    """What happened to a cache since it was made."""

    hits: int = 0
    misses: int = 0
    evicted: int = 0
    expired: int = 0

    @property
    def hit_ratio(self):
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


class Cache:
    """Maps keys to values; holds `capacity` of them, each for `max_age` seconds.

    The entries are kept in order of use: the first one is the next to go.
    `clock` is any function that returns seconds and never goes back.
    """

    def __init__(self, capacity, max_age=None, clock=time.monotonic):
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        if max_age is not None and max_age <= 0:
            raise ValueError("max_age must be positive")
        self._capacity = capacity
        self._max_age = max_age
        self._clock = clock
        self._entries = OrderedDict()
        self.stats = Stats()

    def __len__(self):
        return len(self._entries)

    def __contains__(self, key):
        entry = self._entries.get(key)
        return entry is not None and not self._is_old(entry)

    def keys(self):
        """The keys, least recently used first."""
        return list(self._entries)

    def put(self, key, value):
        """Stores a value; makes room for it if the cache is full."""
        self._entries[key] = (value, self._clock())
        self._entries.move_to_end(key)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
            self.stats.evicted += 1

    def get(self, key, default=None):
        """The value stored under a key, or `default`; counts as a use."""
        entry = self._entries.get(key, MISSING)
        if entry is MISSING:
            self.stats.misses += 1
            return default
        if self._is_old(entry):
            del self._entries[key]
            self.stats.expired += 1
            self.stats.misses += 1
            return default
        self.stats.hits += 1
        return entry[0]

    def drop(self, key):
        """Forgets a key; says whether it was there."""
        return self._entries.pop(key, MISSING) is not MISSING

    def sweep(self):
        """Drops every entry that is too old; returns how many there were."""
        old = [key for key, entry in self._entries.items() if self._is_old(entry)]
        for key in old:
            del self._entries[key]
        self.stats.expired += len(old)
        return len(old)

    def _is_old(self, entry):
        return self._max_age is not None and self._clock() - entry[1] > self._max_age
