"""What a person sees at the end of a demo, and the same for a program."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from config.alert_rules import TIER_NAMES, TITLES
from config.language import _, later
from scripts.replay.show import (
    patients_as_json,
    show_grid,
    show_shares,
    show_weeks,
    weeks_as_json,
)
from scripts.show.result import RedAlert, Shown

PARTS = {
    "read": later("live the five weeks"),
    "start": later("start database, broker, hub"),
    "freeze": later("freeze figures, enrol"),
    "send": later("gateways to committed rows"),
    "spool_store": later("gateway: store"),
    "spool_seal": later("gateway: seal"),
    "spool_settle": later("gateway: read and settle"),
    "night": later("the night (meanwhile)"),
    "listen": later("bands come in"),
    "live": later("live"),
    "settle": later("last receipts"),
    "look": later("count and list"),
}

ROLES = {
    "family_doctor": later("family doctor"),
    "instructor": later("exercise instructor"),
    "therapist": later("rehabilitation therapist"),
    "operator": later("operator"),
    "administrator": later("administrator"),
    "payer": later("insurer"),
    "auditor": later("auditor"),
}


def show(shown: Shown, *, every_week: bool) -> None:
    """Print everything but the links."""
    console = Console()
    names = shown.weeks.recording.roster.name_of
    if every_week:
        show_weeks(console, shown.judged)
    else:
        show_grid(console, shown.judged, shown.cases, names)
    _show_alerts(console, shown)
    _show_payment(console, shown)
    show_shares(console, shown.shares, PARTS)
    _show_account(console, shown)


def show_links(shown: Shown) -> None:
    """Print where the pages are, and a link that opens them once for each role."""
    console = Console()
    console.print(_("Pages: %(url)s") % {"url": shown.url}, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in (_("Role"), _("Name"), _("One-time link")):
        table.add_column(heading, no_wrap=True, overflow="fold")
    for role, (name, link) in shown.links.items():
        table.add_row(_(ROLES[role]), name, link)
    console.print(table, soft_wrap=True)


def _show_alerts(console: Console, shown: Shown) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title=_("Alerts"))
    headings = (_("Tier"), _("Patient"), _("What"), _("When"), _("On the doctor's page after"))
    for heading in (*headings, _("On the box's screen after"), _("Noticed by")):
        table.add_column(heading)
    for alert in shown.red:
        table.add_row(
            _(TIER_NAMES["red"]),
            escape(f"{alert.patient} {alert.name or ''}".strip()),
            _(TITLES[alert.rule]),
            f"{_utc(alert.raised_ms).astimezone():%H:%M:%S}",
            _seconds(alert.latency_s),
            _seconds(alert.edge_latency_s),
            _(HEARD_BY[alert.heard_by or "district"]),
        )
    for week in shown.about_weeks:
        table.add_row(
            _(TIER_NAMES[week.tier]),
            week.patient,
            _(TITLES[week.rule]),
            _("week of %(monday)s") % {"monday": week.week},
            "",
            "",
            "",
        )
    console.print(table)


HEARD_BY = {
    "edge": later("centre"),
    "district": later("district"),
    "both": later("centre and district, matched"),
}


def _show_payment(console: Console, shown: Shown) -> None:
    """Print the month's lines."""
    console.print(str(shown.payment.get("month", "")))


def _show_account(console: Console, shown: Shown) -> None:
    """Print what went in and came out, and what the radio heard."""
    words = (
        _(
            "Readings: weeks %(weeks)s + live %(live)s = committed %(committed)s = counted %(counted)s"
        )
        if shown.is_whole
        else _(
            "NOT EQUAL: readings of the weeks %(weeks)s, live %(live)s, committed %(committed)s, "
            "counted %(counted)s"
        )
    )
    console.print(
        words
        % {
            "weeks": f"{shown.weeks.readings:,}",
            "live": f"{shown.live.stored:,}",
            "committed": f"{shown.ledger.readings:,}",
            "counted": f"{shown.counted + shown.ledger.quarantined:,}",
        },
        highlight=False,
    )
    console.print(
        _(
            "%(bands)d bands on the air for %(seconds).0f s said %(said)s values; of a passer-by "
            "%(strangers)d were kept"
        )
        % {
            "bands": shown.live.bands,
            "seconds": shown.live.seconds,
            "said": f"{shown.live.said:,}",
            "strangers": shown.live.strangers,
        },
        highlight=False,
    )
    console.print(
        _("Workbook: %(path)s") % {"path": shown.night["workbook"]}, highlight=False, soft_wrap=True
    )


def as_json(shown: Shown) -> dict[str, Any]:
    """Return everything for a program; the keys stand in the how-to."""
    names = shown.weeks.recording.roster.name_of
    return {
        "patients": patients_as_json(shown.cases, names),
        "weeks": weeks_as_json(shown.judged),
        "alerts": [_alert(alert) for alert in shown.red],
        "week_alerts": [
            {
                "patient": alert.patient,
                "rule": alert.rule,
                "tier": alert.tier,
                "week": str(alert.week),
                "weeks": alert.weeks,
            }
            for alert in shown.about_weeks
        ],
        "readings": shown.weeks.readings + shown.live.stored,
        "committed": shown.ledger.readings,
        "counted": shown.counted,
        "quarantined": shown.ledger.quarantined,
        "batches": shown.ledger.batches,
        "live": {
            "bands": shown.live.bands,
            "seconds": shown.live.seconds,
            "values_said": shown.live.said,
            "readings": shown.live.stored,
            "committed": shown.live.committed,
            "of_passers_by": shown.live.strangers,
            "radio": shown.live.radio,
        },
        "payment": shown.payment,
        "reports": {"workbook": shown.night["workbook"]},
        "night": {key: shown.night[key] for key in ("night", "met", "not_met", "cannot_judge")},
        "seconds": round(shown.shares.elapsed_s(), 3),
        "shares": {part: round(spent, 3) for part, spent in shown.shares.seconds.items()},
        "faults": list(shown.faults),
    }


def _alert(alert: RedAlert) -> Mapping[str, Any]:
    return {
        "patient": alert.patient,
        "name": alert.name,
        "doctor": alert.doctor,
        "rule": alert.rule,
        "tier": "red",
        "ceiling_bpm": alert.ceiling_bpm,
        "peak_bpm": alert.peak_bpm,
        "onset_at": _text(alert.onset_ms),
        "raised_at": _text(alert.raised_ms),
        "visible_at": _text(alert.visible_ms),
        "latency_s": alert.latency_s,
        "edge_visible_at": _text(alert.edge_visible_ms),
        "edge_latency_s": alert.edge_latency_s,
        "heard_by": alert.heard_by,
        "paged": alert.paged,
        "messages": alert.messages,
    }


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _text(ms: int | None) -> str | None:
    return None if ms is None else _utc(ms).isoformat(timespec="milliseconds")


def _seconds(seconds: float | None) -> str:
    return _("never") if seconds is None else f"{seconds:.1f} s"
