"""The cookies: a session, a browser that is known, a language. None is read by a script."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from datetime import timedelta

from fastapi import Request, Response

SESSION, BROWSER, VISITOR, LANGUAGE = (
    "adhere_session",
    "adhere_browser",
    "adhere_visitor",
    "adhere_language",
)
YEAR = timedelta(days=365)


class Cookies:
    """Sets and reads them; over https under the `__Host-` prefix, which no other host can set."""

    def __init__(self, *, is_https: bool) -> None:
        self._is_https = is_https

    def read(self, request: Request, name: str) -> str | None:
        """Return a cookie's value; None where there is none that could be ours."""
        value = request.cookies.get(self._full(name))
        return value if value and len(value) <= 128 and value.isascii() else None  # noqa: PLR2004 - ours have 43

    def put(
        self, response: Response, name: str, value: str, *, lasts: timedelta | None = None
    ) -> None:
        """Set a cookie; without `lasts` it goes when the browser is closed."""
        response.set_cookie(
            self._full(name),
            value,
            max_age=None if lasts is None else int(lasts.total_seconds()),
            path="/",
            secure=self._is_https,
            httponly=True,
            samesite="lax",
        )

    def drop(self, response: Response, name: str) -> None:
        """Make the browser forget a cookie."""
        response.delete_cookie(
            self._full(name), path="/", secure=self._is_https, httponly=True, samesite="lax"
        )

    def _full(self, name: str) -> str:
        # The language is read before anything is known of the request; it protects nothing.
        return f"__Host-{name}" if self._is_https and name != LANGUAGE else name


def form_token(cookie: str) -> str:
    """Return what every form of this session carries: only who holds the cookie could make it."""
    digest = hmac.digest(cookie.encode(), b"form", hashlib.sha256)
    return urlsafe_b64encode(digest).decode().rstrip("=")


def is_form_token(given: str, cookie: str | None) -> bool:
    """Compare, in time that tells nothing."""
    return cookie is not None and secrets.compare_digest(
        given.encode("utf-8", "replace"), form_token(cookie).encode()
    )
