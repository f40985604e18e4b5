"""One workbook out of one content: the same content and language give the same bytes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from itertools import count, islice

import polars as pl
from xlsxwriter import Workbook

from config.conventions import Conventions
from config.language import translator
from reports.workbook.columns import CENTRES, DEFINITIONS, DETAIL, DOCTORS, EXCLUSIONS, PATIENTS
from reports.workbook.content import Content, detail, per_patient, per_unit
from reports.workbook.cover import draw_cover
from reports.workbook.definitions import definitions
from reports.workbook.payment_columns import LINES, SUMMARY, WEEKS
from reports.workbook.payment_rows import line_rows, summary_rows, week_rows
from reports.workbook.quality_columns import QUALITY, quality_note, with_shares
from reports.workbook.sheet import MAX_ROWS, Book, Column, table
from reports.workbook.side_columns import NOT_ADHERENCE, SIDE
from reports.workbook.words import REASONS, STATES, shown

SAFE = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": False,
}
"""A name such as `=HYPERLINK(...)` stays a name; rows leave memory as they are written."""


def build_workbook(
    content: Content, conventions: Conventions, language: str, zone_name: str
) -> bytes:
    """Return the workbook as XLSX bytes.

    The file's own dates are the night's, not the clock's: who builds it again gets the same bytes.
    `zone_name` stands beside printed times; `content.coverage.data_until` is already in that zone.
    """
    buffer = BytesIO()
    workbook = Workbook(buffer, SAFE)
    _ = translator(language).gettext
    workbook.set_properties(
        {
            "title": _("Adherence to exercise prescriptions: nightly report"),
            "author": "adhere",
            "created": datetime.combine(content.night, datetime.min.time(), tzinfo=UTC),
        }
    )
    book = Book(workbook, _)
    footer = f"adhere {content.night} r{content.revision} {content.input_sha256.hex()[:16]}"
    reasons = tuple(REASONS)
    patients = per_patient(content, reasons)
    draw_cover(book, content, _("Cover"), footer, zone_name)
    for name, columns, key, units in (
        (_("By centre"), CENTRES, "centre_code", content.centres),
        (_("By doctor"), DOCTORS, "doctor_code", content.doctors),
    ):
        rows = per_unit(patients, units, key, reasons, pass_pct=conventions.adherent_from_pct)
        table(book, name, footer, columns, _rows(rows))
    table(book, _("By patient"), footer, PATIENTS, _rows(_named(patients, content, book)))
    weeks = _named(detail(content), content, book)
    _in_parts(book, _("Detail"), footer, DETAIL, weeks.iter_rows(named=True))
    excluded = weeks.filter(pl.col("state") == "cannot_judge").head(MAX_ROWS)
    table(book, _("Exclusions"), footer, EXCLUSIONS, _rows(excluded))
    payment = content.payment
    if payment is not None:
        table(book, _("Payment"), footer, SUMMARY, summary_rows(content, payment, _))
        _in_parts(book, _("Payable lines"), footer, LINES, line_rows(payment, _))
        _in_parts(book, _("Weeks behind lines"), footer, WEEKS, week_rows(payment, _))
    if content.side is not None:
        side = _named(detail(content, content.side), content, book)
        _in_parts(
            book, _("Side figures"), footer, SIDE, side.iter_rows(named=True), _(NOT_ADHERENCE)
        )
    if content.quality is not None:
        days = with_shares(content.quality).iter_rows(named=True)
        note = quality_note(content.uncounted_batches, _)
        _in_parts(book, _("Data quality"), footer, QUALITY, days, note)
    schemes = payment.schemes if payment is not None else ()
    terms = definitions(conventions, _, schemes, with_side=content.side is not None)
    table(book, _("Definitions"), footer, DEFINITIONS, terms)
    workbook.close()
    return buffer.getvalue()


def _in_parts(
    book: Book,
    name: str,
    footer: str,
    columns: Sequence[Column],
    rows: Iterable[Mapping[str, object]],
    note: str | None = None,
) -> None:
    """Draw a table on as many sheets as its rows need, numbered from the second on."""
    left = iter(rows)
    part = list(islice(left, MAX_ROWS))
    table(book, name, footer, columns, part, note)
    for number in count(2):
        part = list(islice(left, MAX_ROWS))
        if not part:
            return
        table(book, f"{name} {number}", footer, columns, part, note)


def _named(frame: pl.DataFrame, content: Content, book: Book) -> pl.DataFrame:
    """Put the names of doctor and centre, and the reader's words for states, beside the codes."""
    named = frame.join(
        content.doctors.rename({"code": "doctor_code", "name": "doctor_name"}),
        on="doctor_code",
        how="left",
    ).join(
        content.centres.rename({"code": "centre_code", "name": "centre_name"}),
        on="centre_code",
        how="left",
    )
    if "state" not in frame.columns:
        return named
    return named.with_columns(
        _words("state", STATES, book).alias("state_shown"),
        _words("reason", REASONS, book).alias("reason_shown"),
    )


def _words(column: str, words: Mapping[str, str], book: Book) -> pl.Expr:
    translated = {code: shown(words, code, book.text) for code in words}
    return pl.col(column).replace(translated)


def _rows(frame: pl.DataFrame) -> Sequence[Mapping[str, object]]:
    return frame.to_dicts()
