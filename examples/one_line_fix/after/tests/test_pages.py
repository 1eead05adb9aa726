from pagecache import Cache, PageSource


class Renderer:
    def __init__(self):
        self.rendered = []

    def __call__(self, path):
        self.rendered.append(path)
        return f"<h1>{path}</h1>"


def test_a_page_is_rendered_once():
    render = Renderer()
    source = PageSource(render, Cache(2))
    assert source.page("/news") == source.page("news/") == "<h1>/news</h1>"
    assert render.rendered == ["/news"]


def test_a_changed_page_is_rendered_again():
    render = Renderer()
    source = PageSource(render, Cache(2))
    source.page("/news")
    assert source.changed("//news")
    source.page("/news")
    assert render.rendered == ["/news", "/news"]


def test_the_front_page_stays_while_people_read_it():
    render = Renderer()
    source = PageSource(render, Cache(2))
    source.page("/")
    for article in ("/a", "/b", "/c", "/d"):
        source.page(article)
        source.page("/")
    assert render.rendered.count("/") == 1
