"""Drawing one sheet: a title, a heading row that stays, typed columns, A4 landscape.

Every text is inert: a cell never becomes a formula, a link or a number by what it says, and
characters that cannot be seen (bidirectional overrides, zero-width, control) are spelt out.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from reports.workbook.rounding import rounded_down

if TYPE_CHECKING:
    from xlsxwriter.format import Format

Kind = Literal[
    "text",
    "wrapped",
    "note",
    "date",
    "month",
    "count",
    "number",
    "money",
    "factor",
    "percent",
    "done_pct",
    "hash",
]
SHOWN_PLACES = {"percent": 3, "left_percent": 3, "done_pct": 1}
"""Kinds that are held against a mark, and with how many places they are shown."""
WRAPPED = ("wrapped", "note")
A4 = 9
TITLE_ROW, NOTE_ROW, HEADING_ROW, FIRST_ROW = 0, 1, 2, 3
HEADING_PT, LINE_PT = 64, 15
MAX_ROWS = 1_000_000
"""Rows a sheet takes at most; the format itself ends at 1,048,576."""

UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")

STYLES: Mapping[str, Mapping[str, Any]] = {
    "title": {"bold": True, "font_size": 14},
    "heading": {
        "bold": True,
        "text_wrap": True,
        "valign": "vcenter",
        "align": "center",
        "bg_color": "#D9E2EC",
        "border": 1,
    },
    "label": {"bold": True, "valign": "top"},
    "text": {"align": "left", "valign": "top", "indent": 1},
    "guarded": {"align": "left", "valign": "top", "indent": 1, "quote_prefix": True},
    "wrapped": {"valign": "top", "text_wrap": True},
    "note": {"valign": "top", "text_wrap": True, "align": "left", "indent": 1},
    "date": {"num_format": "yyyy-mm-dd", "align": "left", "valign": "top"},
    "month": {"num_format": "yyyy-mm", "align": "left", "valign": "top"},
    "count": {"num_format": "#,##0", "valign": "top"},
    "money": {"num_format": "#,##0.00", "valign": "top"},
    "factor": {"num_format": "0.0000", "valign": "top"},
    "number": {"num_format": "#,##0.0", "valign": "top"},
    "done_pct": {"num_format": "#,##0.0", "valign": "top"},
    "left": {"num_format": "#,##0", "align": "left"},
    "left_percent": {"num_format": "0.0%", "align": "left"},
    "percent": {"num_format": "0.0%", "valign": "top"},
    "hash": {
        "font_name": "Courier New",
        "font_size": 6.5,
        "align": "left",
        "valign": "vcenter",
        "indent": 1,
    },
    "signature": {"bottom": 1},
}


@dataclass(frozen=True)
class Column:
    """One column: the frame's field, its English heading (marked for the catalogue), its shape."""

    field: str
    heading: str
    kind: Kind
    width: float
    meaning: str
    """One sentence for the reference; English, not drawn."""


def inert(text: str) -> str:
    """Spell out every character that would not be seen, `U+202E` in brackets; keep all others."""
    if text.isascii() and text.isprintable():  # most texts: codes, hashes, words
        return text
    return "".join(f"⟨U+{ord(c):04X}⟩" if _unseen(c) else c for c in text)


def _unseen(character: str) -> bool:
    """Say whether it is a control, format or separator character, or a letter drawn as nothing.

    Unassigned and private characters stay as they are: rare characters of names are newer than
    the tables of this Python, and older registers keep names in the private area.
    """
    return unicodedata.category(character) in UNSEEN or character in BLANK_LETTERS


class Book:
    """A workbook under construction: the library's object, its formats, the language's words."""

    def __init__(self, workbook: Workbook, text: Callable[[str], str]) -> None:
        self.workbook, self.text = workbook, text
        self.formats: dict[str, Format] = {
            name: workbook.add_format(dict(style)) for name, style in STYLES.items()
        }

    def sheet(self, name: str, footer: str) -> Worksheet:
        """Add an empty sheet, A4 landscape, as wide as the page, with page numbers."""
        sheet = self.workbook.add_worksheet(name)
        sheet.set_landscape()
        sheet.set_paper(A4)
        sheet.fit_to_pages(1, 0)
        sheet.hide_gridlines(0)
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        sheet.set_footer(f"&L&8{_no_codes(footer)}&C&8&A&R&8&P / &N")
        return sheet

    def write(self, sheet: Worksheet, row: int, column: int, value: object, kind: str) -> None:
        """Write one value as its kind, a share rounded down; None leaves the cell empty."""
        style = self.formats[kind]
        if value is None:
            sheet.write_blank(row, column, None, style)
        elif isinstance(value, str):
            safe = inert(value)
            if kind == "text" and safe[:1] in {"=", "+", "-", "@"}:
                style = self.formats["guarded"]
            sheet.write_string(row, column, safe, style)
        elif isinstance(value, bytes):
            sheet.write_string(row, column, value.hex(), style)
        elif kind in {"date", "month"}:
            sheet.write_datetime(row, column, value, style)
        elif kind in SHOWN_PLACES and isinstance(value, int | float):
            shown = rounded_down(value, SHOWN_PLACES[kind])
            sheet.write_number(row, column, shown, style)
        else:
            sheet.write_number(row, column, value, style)


def _no_codes(footer: str) -> str:
    return footer.replace("&", "&&")


def table(
    book: Book,
    name: str,
    footer: str,
    columns: Sequence[Column],
    rows: Iterable[Mapping[str, object]],
    note: str | None = None,
) -> None:
    """Draw a sheet that is one table: filter on the headings, headings on every printed page.

    A `note` stands under the title, on every printed page as well.
    """
    sheet = book.sheet(name, footer)
    book.write(sheet, TITLE_ROW, 0, name, "title")
    if note is not None:
        book.write(sheet, NOTE_ROW, 0, note, "label")
    sheet.set_row(HEADING_ROW, HEADING_PT)
    for place, column in enumerate(columns):
        sheet.set_column(place, place, column.width)
        book.write(sheet, HEADING_ROW, place, book.text(column.heading), "heading")
    last = HEADING_ROW
    for last, row in enumerate(rows, start=FIRST_ROW):
        sheet.set_row(last, LINE_PT * _lines(columns, row))
        for place, column in enumerate(columns):
            book.write(sheet, last, place, row[column.field], column.kind)
    sheet.autofilter(HEADING_ROW, 0, max(last, FIRST_ROW), len(columns) - 1)
    sheet.freeze_panes(FIRST_ROW, 1)
    sheet.repeat_rows(TITLE_ROW, HEADING_ROW)


def _lines(columns: Sequence[Column], row: Mapping[str, object]) -> int:
    """Count the lines the tallest wrapped cell needs; not every program fits rows by itself."""
    wrapped = (c for c in columns if c.kind in WRAPPED)
    return max((ceil(_drawn_width(row[c.field]) / (c.width - 2)) for c in wrapped), default=1) or 1


def _drawn_width(value: object) -> int:
    """Width in columns of a fixed pitch: a Chinese character takes two."""
    text = str(value or "")
    return sum(2 if unicodedata.east_asian_width(c) in {"F", "W"} else 1 for c in text)
