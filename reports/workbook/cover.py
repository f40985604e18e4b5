"""The cover: which night, over which data, by which method, and room for two signatures."""

import polars as pl

from reports.workbook.columns import COVER
from reports.workbook.content import Content, is_over
from reports.workbook.sheet import Book

FIRST_ROW = 2
SIGNED = 2
"""The last two labels are lines to sign on."""


def draw_cover(book: Book, content: Content, name: str, footer: str, zone_name: str) -> None:
    """Draw the cover sheet; times are printed in the site's zone, named beside them."""
    sheet = book.sheet(name, footer)
    sheet.hide_gridlines(1)
    sheet.set_column(0, 0, 36)
    sheet.set_column(1, 1, 70)
    title = book.text("Adherence to exercise prescriptions: nightly report")
    book.write(sheet, 0, 0, title, "title")
    values = _values(content, zone_name)
    for row, label in enumerate(COVER, start=FIRST_ROW):
        signature = row - FIRST_ROW >= len(COVER) - SIGNED
        if signature:
            sheet.set_row(row, 36)
        book.write(sheet, row, 0, book.text(label), "label")
        value, kind = values[row - FIRST_ROW]
        book.write(sheet, row, 1, value, "signature" if signature else kind)


def _values(content: Content, zone_name: str) -> list[tuple[object, str]]:
    over = content.weeks.filter(is_over(content.night))
    judged = over.filter(pl.col("state") != "cannot_judge").height
    coverage = content.coverage
    first = content.first_week
    until = coverage.data_until
    return [
        (content.night, "date"),
        (f"{first} - {content.night}" if first else None, "left"),
        (content.revision, "left"),
        (f"{until:%Y-%m-%d %H:%M:%S} ({zone_name})" if until else None, "left"),
        (coverage.batches, "left"),
        (coverage.readings, "left"),
        (coverage.quarantined, "left"),
        (coverage.dead_letters, "left"),
        (content.patients.height, "left"),
        (content.weeks.height, "left"),
        (f"{judged} / {over.height}", "left"),
        (judged / over.height if over.height else None, "left_percent"),
        (content.method_version, "left"),
        (content.conventions_sha256, "left"),
        (content.input_sha256, "left"),
        (content.anchor, "left"),
        (None, "signature"),
        (None, "signature"),
    ]
