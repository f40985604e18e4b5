"""What a person sees at the end of a replay; two of the tables serve the demo too."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from config.language import _, later
from reports.workbook.words import REASONS, STATES, shown
from scripts.replay.compare import Compared
from scripts.replay.freeze import Case
from scripts.replay.run import Replayed
from scripts.replay.shares import Shares

PARTS = {
    "read": later("read the recording"),
    "start": later("start database, broker, hub"),
    "freeze": later("freeze figures, enrol"),
    "send": later("gateways to committed rows"),
    "spool_store": later("gateway: store"),
    "spool_seal": later("gateway: seal"),
    "spool_settle": later("gateway: read and settle"),
    "hub_verify": later("hub: verify"),
    "hub_unpack": later("hub: unpack"),
    "hub_database": later("hub: database"),
    "hub_receipts": later("hub: receipts"),
    "count": later("count"),
    "recompute": later("recompute"),
    "report": later("workbook"),
    "check": later("compare with score"),
}
WITHIN_SEND = ("spool_", "hub_")
"""They run at the same time as each other, inside `send`; a gateway's are of the processor."""

SIGNS = {"met": "[green]\N{CHECK MARK}[/]", "not_met": "[red]\N{BALLOT X}[/]", "cannot_judge": "?"}
NOTE_SIGNS = "\N{SUPERSCRIPT ONE}\N{SUPERSCRIPT TWO}\N{SUPERSCRIPT THREE}\N{SUPERSCRIPT FOUR}"
"""Of the reasons why weeks could not be judged, in the order in which they occur."""


def show_replay(replayed: Replayed) -> None:
    """Print what came of a replay."""
    console = Console()
    show_weeks(console, replayed.weeks)
    show_shares(console, replayed.shares, PARTS)
    show_counts(console, replayed)


def show_weeks(console: Console, weeks: pl.DataFrame) -> None:
    """Print a row for each case and week (`case` and the columns of WEEK)."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in (_("Case"), _("Week")):
        table.add_column(heading)
    for heading in (_("Sessions"), _("Minutes"), _("Adherence %")):
        table.add_column(heading, justify="right")
    table.add_column(_("State"))
    for week in weeks.iter_rows(named=True):
        table.add_row(
            escape(week["case"]),
            str(week["week"]),
            str(week["complete_sessions"]),
            f"{week['bout_credit_min']:.0f}",
            f"{week['adherence_pct']:.0f}",
            _state(week),
        )
    console.print(table)


def show_grid(
    console: Console, judged: pl.DataFrame, cases: Sequence[Case], names: Mapping[str, str]
) -> None:
    """Print a row for each patient and in it a cell for each week, totals at the end.

    `judged` is as in `show_weeks`, with `person`; `names` by person.
    """
    weeks = judged["week"].unique().sort().to_list()
    notes = _notes(judged)
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption=_legend(notes),
        caption_justify="left",
    )
    table.add_column(_("Patient"), no_wrap=True)
    for week in weeks:
        table.add_column(f"{week:%m-%d}", justify="right", no_wrap=True)
    table.add_column(_("In all"), justify="right", no_wrap=True)
    plans = {case.case: case.prescription for case in cases}
    for (case,), rows in judged.sort("case", "week").group_by("case", maintain_order=True):
        by_week = {row["week"]: row for row in rows.iter_rows(named=True)}
        plan = plans[str(case)]
        table.add_row(
            escape(f"{case}\n{names.get(str(rows['person'][0]), '')}".strip()),
            *(_cell(by_week.get(week), notes) for week in weeks),
            f"{rows['complete_sessions'].sum()}/{_asked(plan.sessions_per_week, by_week)}\n"
            f"{rows['bout_credit_min'].sum():.0f}/{_asked(plan.weekly_min, by_week)}",
        )
    console.print(table)


def _asked(a_week: float | None, weeks: Collection[date]) -> str:
    """Say what was asked in all these weeks; nothing where no aerobic part is prescribed."""
    return "–" if a_week is None else f"{a_week * len(weeks):.0f}"


def show_counts(console: Console, replayed: Replayed) -> None:
    """Print what went in and came out, and how fast."""
    ledger, seconds = replayed.ledger, replayed.shares.seconds
    console.print(
        _("Readings in %(in)s = committed %(committed)s = counted %(counted)s")
        % {
            "in": f"{replayed.recording.readings:,}",
            "committed": f"{ledger.readings:,}",
            "counted": f"{replayed.counted + ledger.quarantined:,}",
        }
        if replayed.nothing_lost
        else _("NOT EQUAL: readings in %(in)s, committed %(committed)s, counted %(counted)s")
        % {
            "in": f"{replayed.recording.readings:,}",
            "committed": f"{ledger.readings:,}",
            "counted": f"{replayed.counted + ledger.quarantined:,}",
        },
        highlight=False,
    )
    console.print(
        _("%(batches)d batches, %(new)s of them new in this run, %(aside)d readings put aside")
        % {
            "batches": ledger.batches,
            "new": replayed.hub.get("stored", "?"),
            "aside": ledger.quarantined,
        },
        highlight=False,
    )
    if sent := replayed.hub.get("readings"):
        console.print(
            _("%(rate)s readings/s from the recording to committed rows")
            % {"rate": f"{sent / seconds['send']:,.0f}"},
            highlight=False,
        )
    for one in replayed.compared:
        console.print(
            _("%(table)s: %(rows)d rows, %(verdict)s")
            % {
                "table": one.table,
                "rows": one.rows,
                "verdict": _("same as score") if one.same else _different(one),
            },
            highlight=False,
        )
    console.print(
        _("Workbook: %(path)s") % {"path": replayed.workbook}, highlight=False, soft_wrap=True
    )


def show_shares(console: Console, shares: Shares, titles: Mapping[str, str]) -> None:
    """Print where the time went; `titles` names the parts, in order."""
    seconds, whole = shares.seconds, shares.elapsed_s()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(_("Part"))
    table.add_column(_("Seconds"), justify="right")
    table.add_column(_("Share %"), justify="right")
    for part, title in titles.items():
        if part in seconds:
            indent = "  " if part.startswith(WITHIN_SEND) else ""
            share = f"{100 * seconds[part] / whole:.0f}"
            table.add_row(indent + _(title), f"{seconds[part]:.1f}", share)
    table.add_row(_("all"), f"{whole:.1f}", "100", style="bold")
    console.print(table)


def weeks_as_json(weeks: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the weeks for a program; the keys stand in the how-to."""
    return weeks.select(
        "case",
        "person",
        pl.col("week").cast(pl.String),
        sessions="complete_sessions",
        minutes="bout_credit_min",
        adherence_pct="adherence_pct",
        state="state",
        reason="reason",
    ).to_dicts()


def patients_as_json(cases: Sequence[Case], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the cases with their people's names for a program."""
    return [
        {
            "case": case.case,
            "person": case.person,
            "name": names.get(case.person),
            "first_day": str(case.starts_on),
            "hr_max": case.prescription.hr_max_bpm,
            "rest_hr": case.prescription.rest_hr_bpm,
            "no_figures": case.reason,
        }
        for case in cases
    ]


def as_json(replayed: Replayed) -> dict[str, Any]:
    """Return everything for a program; the keys stand in the how-to."""
    shares = replayed.shares
    return {
        "patients": patients_as_json(replayed.cases, replayed.recording.roster.name_of),
        "weeks": weeks_as_json(replayed.weeks),
        "readings": replayed.recording.readings,
        "committed": replayed.ledger.readings,
        "counted": replayed.counted,
        "quarantined": replayed.ledger.quarantined,
        "batches": replayed.ledger.batches,
        "hub": {
            key: replayed.hub[key]
            for key in ("stored", "duplicate", "forked", "dead_lettered", "readings", "bytes")
            if key in replayed.hub
        },
        "seconds": round(shares.elapsed_s(), 3),
        "shares": {part: round(seconds, 3) for part, seconds in shares.seconds.items()},
        "same_as_score": {
            one.table: {"rows": one.rows, "outside": one.outside, "same": one.same}
            for one in replayed.compared
        },
        "workbook": str(replayed.workbook),
    }


def _different(one: Compared) -> str:
    return _(
        "DIFFERENT: %(missing)d missing, %(more)d too many, %(other)d other in %(columns)s"
    ) % {
        "missing": one.missing,
        "more": one.unexpected,
        "other": one.different,
        "columns": ", ".join(one.columns) or "-",
    }


def _notes(judged: pl.DataFrame) -> dict[str, str]:
    """Return the reasons that occur, each with the sign that stands for it in the grid."""
    reasons = judged["reason"].drop_nulls().unique(maintain_order=True).to_list()
    return dict(zip(reasons, NOTE_SIGNS, strict=False))


def _legend(notes: dict[str, str]) -> str:
    signs = ", ".join(f"{sign} {_(STATES[state])}" for state, sign in SIGNS.items())
    why = ", ".join(f"{sign} {shown(REASONS, reason, _)}" for reason, sign in notes.items())
    return "\n".join(
        (
            _("above: adherence in % of the prescription, by week"),
            _("below: complete sessions, minutes in the prescribed zone"),
            f"{signs}; {why}" if why else signs,
        )
    )


def _cell(week: dict[str, Any] | None, notes: dict[str, str]) -> str:
    if week is None:
        return ""
    sign = SIGNS[week["state"]] + notes.get(week["reason"], " ")
    return (
        f"{week['adherence_pct']:.0f} {sign}\n"
        f"[dim]{week['complete_sessions']} {week['bout_credit_min']:4.0f}[/] "
    )


def _state(week: dict[str, Any]) -> str:
    state, reason = shown(STATES, week["state"], _), shown(REASONS, week["reason"], _)
    return f"{state}: {reason}" if reason else str(state)
