"""A small browser: enters by a one-time link as a person does, and looks at pages over HTTP."""

import html.parser
import http.cookiejar
import urllib.parse
import urllib.request

from config.errors import Unavailable
from config.language import _

TIMEOUT_S = 10.0


class _Forms(html.parser.HTMLParser):
    """Collects the forms of a page that are sent by POST, with their hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in a form, or a field of it."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_inside = given.get("method", "").lower() == "post"
            if self._is_inside:
                self.forms.append((given.get("action", ""), {}))
        elif tag in {"input", "button"} and self._is_inside and "name" in given:
            self.forms[-1][1][given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """Leave a form."""
        if tag == "form":
            self._is_inside = False


class Browser:
    """One visitor with cookies of its own. Every call blocks; call it in a thread."""

    def __init__(self, url: str) -> None:
        """Prepare; `url` is the pages' address without a path."""
        self._url = url
        cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),  # this machine's own pages, whatever proxy is set
            urllib.request.HTTPCookieProcessor(cookies),
        )

    def enter(self, token: str) -> str:
        """Open the one-time link, press its button; return the page that follows."""
        path = f"/enter/{token}"
        forms = _Forms()
        forms.feed(self.page(path))
        wanted = [form for form in forms.forms if form[0] in {"", path}]
        if not wanted:
            raise Unavailable(_("the page of the one-time link has no button to press"))
        return self._open(path, urllib.parse.urlencode(wanted[0][1]).encode())

    def page(self, path: str) -> str:
        """Return a page."""
        return self._open(path, None)

    def _open(self, path: str, data: bytes | None) -> str:
        request = urllib.request.Request(  # noqa: S310 - our own address, given above
            self._url + path, data=data, headers={"Origin": self._url}
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                said: bytes = answer.read()
        except OSError as error:
            raise Unavailable(
                _("the pages at %(url)s do not answer: %(why)s")
                % {"url": self._url + path.split("/enter/", maxsplit=1)[0], "why": error}
            ) from error
        return said.decode("utf-8")
