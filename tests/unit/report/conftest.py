"""A parser that reads a page as a reader does: text, images, links and scripts."""

from html.parser import HTMLParser

import pytest


class Page(HTMLParser):
    """What is in a page; `external` is whatever a browser would fetch."""

    def __init__(self, text):
        super().__init__()
        self.images, self.external, self.scripts, self.words = [], [], 0, []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.scripts += tag == "script"
        if tag == "img":
            self.images.append(found)
        self.external += [v for k, v in attrs if k in ("src", "href", "srcset") and not v.startswith(("data:", "#"))]

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def read():
    """Read a page, which must need no network and have its images inside, each described in words."""

    def read(path):
        text = path.read_text(encoding="utf8")
        page = Page(text)
        assert page.external == [] and page.scripts == 0 and "@import" not in text and "url(" not in text
        assert page.images and all(i["src"].startswith("data:image/png;base64,iVBOR") for i in page.images)
        assert all(len(i["alt"]) > 10 for i in page.images)
        assert "Research use only" in page.text
        return page

    return read
