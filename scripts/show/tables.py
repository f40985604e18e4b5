"""What a person sees at the end of a demo."""

from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from config.alert_rules import TIER_NAMES, TITLES
from config.language import _, later
from config.schemes import DEMO
from config.schemes import ROLES as ROLES_PAID
from reports.payment.content import Line
from reports.workbook.payment_words import LINE_REASONS, LINE_STATES
from scripts.replay.show import (
    show_grid,
    show_shares,
    show_weeks,
)
from scripts.show.result import Shown

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

HEARD_BY = {
    "edge": later("centre"),
    "district": later("district"),
    "both": later("centre and district: one alert"),
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
    for centre, url in shown.screens.items():
        console.print(
            _("The box's screen in %(centre)s: %(url)s") % {"centre": centre, "url": url},
            highlight=False,
        )
    console.print(_("One-time links, one for each role:"))
    for role, (name, link) in shown.links.items():
        console.print(f"  {_(ROLES[role])}, {name}", highlight=False)
        console.print(f"    {link}", highlight=False, soft_wrap=True)
    console.print(_("Everything goes on until Ctrl-C."), highlight=False)


def _show_alerts(console: Console, shown: Shown) -> None:
    """Print the red alert with its times, and who the blue ones are about."""
    table = _table(_("Alerts"))
    table.add_column("", no_wrap=True)
    table.add_column(_("Patient"), no_wrap=True)
    table.add_column(_("Condition complete"), no_wrap=True)
    table.add_column(_("On the doctor's page"), justify="right")
    table.add_column(_("On the box's screen"), justify="right")
    table.add_column(_("Noticed by"))
    for alert in shown.red:
        table.add_row(
            f"[red]{_(TIER_NAMES['red'])}[/]",
            escape(f"{alert.patient} {alert.name or ''}".strip()),
            f"{_utc(alert.raised_ms).astimezone():%H:%M:%S.%f}"[:-3],
            _after(alert.latency_s),
            _after(alert.edge_latency_s),
            _(HEARD_BY[alert.heard_by or "district"]),
        )
    console.print(table)
    for rule in dict.fromkeys(alert.rule for alert in shown.about_weeks):
        alerts = [alert for alert in shown.about_weeks if alert.rule == rule]
        console.print(
            _("%(tier)s: %(what)s (weeks): %(who)s")
            % {
                "tier": _(TIER_NAMES[alerts[0].tier]),
                "what": _(TITLES[rule]),
                "who": ", ".join(f"{alert.patient} ({alert.weeks})" for alert in alerts),
            },
            highlight=False,
        )


def _show_payment(console: Console, shown: Shown) -> None:
    """Print a row for each patient of whom some line comes to something."""
    table = _table(_("Payable lines of %(month)s") % {"month": f"{shown.paid.month:%Y-%m}"})
    table.add_column(_("Patient"), no_wrap=True)
    for heading in (_("Base fee"), _("Weeks met"), _("Performance")):
        table.add_column(heading, justify="right")
    table.add_column(_("State"))
    of_patient: dict[str, list[Line]] = {}
    for line in shown.paid.lines:
        of_patient.setdefault(line.pseudonym, []).append(line)
    rest = []
    for patient, lines in of_patient.items():
        if all(line.state == "nothing" for line in lines):
            rest.append(patient)
            continue
        by_item = {line.item: line for line in lines}
        weeks = by_item["performance"]
        table.add_row(
            patient,
            f"{by_item['base'].amount:,.2f}",
            f"{weeks.numerator}/{weeks.denominator}",
            f"{weeks.amount:,.2f}",
            "; ".join(dict.fromkeys(_state(line) for line in lines if line.state != "payable"))
            or _(LINE_STATES["payable"]),
        )
    console.print(table)
    if rest:
        console.print(_("Nothing due: %(who)s") % {"who": ", ".join(rest)}, highlight=False)
    shares = shown.paid.shares()
    console.print(
        _(
            "Payable %(payable)s yuan (doctor %(doctor)s, therapist %(therapist)s, instructor "
            "%(instructor)s), on hold %(held)s.\nSigned by %(by)s: a demonstration pays nobody."
        )
        % {
            "payable": f"{shown.paid.total('payable'):,.2f}",
            **{role: f"{shares.get(role, 0):,.2f}" for role in ROLES_PAID},
            "held": f"{shown.paid.total('on_hold'):,.2f}",
            "by": DEMO,
        },
        highlight=False,
    )


def _state(line: Line) -> str:
    reasons = ", ".join(_(LINE_REASONS[name]) for name in line.reasons)
    return reasons if line.state == "nothing" else f"{_(LINE_STATES[line.state])}: {reasons}"


def _table(title: str) -> Table:
    return Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=title,
        title_justify="left",
        title_style="bold",
    )


def _show_account(console: Console, shown: Shown) -> None:
    """Print what went in and came out, and what the radio heard."""
    words = (
        _(
            "Readings: weeks %(weeks)s + live %(live)s = committed %(committed)s = "
            "counted %(counted)s"
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
            "%(bands)d bands on the air for %(seconds).0f s: %(heard)d of %(sent)d adverts heard, "
            "%(notes)s notifications over %(links)d links; of a passer-by %(strangers)d readings "
            "kept"
        )
        % {
            "bands": shown.live.bands,
            "seconds": shown.live.seconds,
            "heard": shown.live.adverts_heard,
            "sent": shown.live.adverts_sent,
            "notes": f"{shown.live.notifications_sent:,}",
            "links": shown.live.links,
            "strangers": shown.live.strangers,
        },
        highlight=False,
    )
    cut = shown.live.cut
    console.print(
        _(
            "The network of %(centre)s was cut for %(seconds).0f s: %(meanwhile)d readings arrived "
            "meanwhile, %(later)d after it"
        )
        % {
            "centre": cut.centre,
            "seconds": cut.seconds,
            "meanwhile": cut.arrived_meanwhile,
            "later": cut.arrived_later,
        },
        highlight=False,
    )
    console.print(
        _("Workbook: %(path)s") % {"path": shown.night["workbook"]}, highlight=False, soft_wrap=True
    )


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _after(seconds: float | None) -> str:
    return _("never") if seconds is None else _("after %(seconds).2f s") % {"seconds": seconds}
