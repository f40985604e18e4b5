"""Templates into pages. Every value is escaped; a page names no other host and holds no script."""

from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from config.language import LANGUAGES
from portal import words
from portal.reading import Reader, masked
from reports.workbook.words import REASONS, STATES

TEMPLATES = Path(__file__).with_name("templates")


class Pages:
    """The templates, once for each language."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.readers = {language: Reader(language, zone) for language in LANGUAGES}
        self._environments = {
            language: _environment(reader) for language, reader in self.readers.items()
        }

    def render(
        self, language: str, template: str, status: int = 200, **values: object
    ) -> HTMLResponse:
        """Return a page in a language."""
        page = self._environments[language].get_template(template)
        return HTMLResponse(page.render(values), status_code=status)

    def fault(
        self, language: str, status: int, *, here: str = "/", retry_s: int | None = None
    ) -> HTMLResponse:
        """Return the plain page of an error: what happened, what to do, nothing of our inside."""
        known = status if status in {400, 403, 404, 405, 408, 413, 429, 503} else 500
        return self.render(language, "fault.html", status, fault=known, here=here, retry_s=retry_s)


def _environment(reader: Reader) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "_": reader.gettext,
        "masked": masked,
        "reader": reader,
        "reasons": REASONS,
        "states": STATES,
        "words": words,
    }
    return environment
