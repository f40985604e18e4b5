"""What `adhere db export` has done and found, in words and as plain values."""

from collections.abc import Mapping
from datetime import datetime

import typer

from config.language import _, later
from storage.cold.drop import Gone
from storage.cold.export import Exported
from storage.cold.parts import Part
from storage.cold.purge import Purged
from storage.cold.verify import Verified

FAULTS: Mapping[str, str] = {
    "manifest_changed": later("%(where)s was changed after it was written"),
    "file_missing": later("%(where)s is missing, or not listed"),
    "file_changed": later("%(where)s was changed after it was written"),
    "content_differs": later("%(where)s does not hold the readings it was written with"),
    "stray_file": later("%(where)s is named by no manifest"),
    "not_in_tables": later("%(where)s: %(readings)d exported readings are not in the table"),
}
"""What `storage.cold.verify` finds."""
KEPT: Mapping[str, str] = {
    "too_young": later("%(day)s stays in the tables until %(until)s"),
    "late": later("%(day)s stays in the tables: late readings keep coming, try again"),
    "faults": later("%(day)s stays in the tables: its files are not sound"),
}
"""Why a day was not dropped."""


def export_as_json(parts: list[Exported], gone: Gone) -> dict[str, object]:
    """Return what was written and dropped."""
    return {
        "parts": [
            part._asdict() | {"day": str(part.day), "manifest_sha256": part.manifest_sha256.hex()}
            for part in parts
        ],
        "dropped": [str(day) for day in gone.dropped],
        "kept": [
            {"day": str(kept.day), "why": kept.why, "until": _at(kept.until)} for kept in gone.kept
        ],
        "faults": [fault for seen in gone.faulty for fault in _faults(seen)],
    }


def show_export(parts: list[Exported], gone: Gone) -> None:
    """Tell the same."""
    words = _("%(day)s, part %(part)d: %(readings)d readings in %(files)d files, %(size)d bytes")
    for part in parts:
        typer.echo(words % part._asdict())
    if not parts:
        typer.echo(_("Nothing to export."))
    for day in gone.dropped:
        typer.echo(_("%(day)s dropped from the tables") % {"day": day})
    for kept in gone.kept:
        typer.echo(_(KEPT[kept.why]) % {"day": kept.day, "until": _at(kept.until)})
    for seen in gone.faulty:
        _show_faults(seen)


def verified_as_json(found: list[Verified]) -> list[dict[str, object]]:
    """Return what the comparison found, day by day."""
    return [
        {
            "day": str(seen.day),
            "parts": list(seen.parts),
            "readings": seen.readings,
            "late": seen.late,
            "given_up": seen.given_up,
            "faults": _faults(seen),
        }
        for seen in found
    ]


def show_verified(found: list[Verified]) -> None:
    """Tell the same; faults to standard error."""
    for seen in found:
        words = {"day": seen.day, "readings": seen.readings, "parts": len(seen.parts)}
        if seen.is_sound:
            typer.echo(_("%(day)s: %(readings)d readings in %(parts)d parts are sound") % words)
        if seen.late:
            typer.echo(
                _("%(day)s: %(late)d readings are in the tables alone: export them")
                % (words | {"late": seen.late})
            )
        if seen.given_up:
            typer.echo(
                _("%(day)s: %(count)d readings in the files belong to nobody by now")
                % (words | {"count": seen.given_up})
            )
        _show_faults(seen)
    if not found:
        typer.echo(_("Nothing has been exported."))


def show_purged(done: list[Purged]) -> None:
    """Tell what was deleted from the archive."""
    for part in done:
        typer.echo(
            _("%(day)s, part %(part)d: %(readings)d readings of nobody are deleted")
            % part._asdict()
        )
    if not done:
        typer.echo(_("Nothing to delete."))


def show_parts(parts: list[Part]) -> None:
    """List parts, and where their readings are."""
    words = _(
        "%(day)s, part %(part)d of %(written)s: %(readings)d readings, %(size)d bytes, %(state)s"
    )
    for part in parts:
        said = part._asdict() | {"state": _state(part), "written": _at(part.exported_at)}
        typer.echo(words % said)
    if not parts:
        typer.echo(_("Nothing has been exported."))


def _state(part: Part) -> str:
    if part.dropped_at is not None:
        return _("in the files alone")
    if part.verified_at is None:
        return _("in the tables too, not compared yet")
    return _("in the tables too")


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _faults(seen: Verified) -> list[dict[str, object]]:
    return [{"day": str(seen.day), **fault._asdict()} for fault in seen.faults]


def _show_faults(seen: Verified) -> None:
    for fault in seen.faults:
        typer.echo(f"{seen.day}: " + _(FAULTS[fault.what]) % fault._asdict(), err=True)
