"""An in-memory cache for rendered pages: bounded in number and in age."""

from pagecache.cache import Cache, Stats
from pagecache.pages import PageSource

__all__ = ["Cache", "PageSource", "Stats"]
