import pytest

from pagecache import Cache


class FakeClock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_returns_what_was_stored():
    cache = Cache(2)
    cache.put("a", 1)
    assert cache.get("a") == 1
    assert cache.get("b") is None
    assert cache.get("b", "nothing") == "nothing"


def test_never_holds_more_than_its_capacity():
    cache = Cache(3)
    for number in range(10):
        cache.put(number, number)
    assert len(cache) == 3
    assert cache.keys() == [7, 8, 9]
    assert cache.stats.evicted == 7


def test_storing_again_counts_as_a_use():
    cache = Cache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.put("a", 3)
    cache.put("c", 4)
    assert cache.keys() == ["a", "c"]


def test_reading_counts_as_a_use():
    cache = Cache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)
    assert "a" in cache
    assert "b" not in cache


def test_asking_whether_a_key_is_there_is_not_a_use():
    cache = Cache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert "a" in cache
    cache.put("c", 3)
    assert cache.keys() == ["b", "c"]


def test_old_entries_are_not_returned():
    clock = FakeClock()
    cache = Cache(2, max_age=60, clock=clock)
    cache.put("a", 1)
    clock.now = 60.0
    assert cache.get("a") == 1
    clock.now = 60.5
    assert cache.get("a") is None
    assert cache.stats.expired == 1


def test_sweep_drops_only_what_is_old():
    clock = FakeClock()
    cache = Cache(4, max_age=10, clock=clock)
    cache.put("a", 1)
    clock.now = 8.0
    cache.put("b", 2)
    clock.now = 12.0
    assert cache.sweep() == 1
    assert cache.keys() == ["b"]


def test_hit_ratio():
    cache = Cache(1)
    assert cache.stats.hit_ratio == 0.0
    cache.put("a", 1)
    cache.get("a")
    cache.get("b")
    assert cache.stats.hit_ratio == 0.5


@pytest.mark.parametrize("capacity, max_age", [(0, None), (-1, None), (1, 0), (1, -5)])
def test_refuses_impossible_limits(capacity, max_age):
    with pytest.raises(ValueError):
        Cache(capacity, max_age=max_age)
