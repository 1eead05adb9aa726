"""Pages by path, rendered once and then served from the cache."""

from pagecache.cache import MISSING


class PageSource:
    """Renders a page on its first request and keeps it in the cache."""

    def __init__(self, render, cache):
        self._render = render
        self._cache = cache

    def page(self, path):
        path = self.normal_path(path)
        body = self._cache.get(path, MISSING)
        if body is MISSING:
            body = self._render(path)
            self._cache.put(path, body)
        return body

    def changed(self, path):
        """To be called when the source of a page has changed."""
        return self._cache.drop(self.normal_path(path))

    @staticmethod
    def normal_path(path):
        """'/a//b/' and 'a/b' are the same page."""
        return "/" + "/".join(part for part in path.split("/") if part)
