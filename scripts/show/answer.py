"""What comes of a demo, for a program: the keys stand in the how-to."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from scripts.replay.show import patients_as_json, weeks_as_json
from scripts.show import payment
from scripts.show.result import RedAlert, Shown


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
            "adverts_sent": shown.live.adverts_sent,
            "adverts_heard": shown.live.adverts_heard,
            "notifications_sent": shown.live.notifications_sent,
            "notifications_heard": shown.live.notifications_heard,
            "links": shown.live.links,
            "readings": shown.live.stored,
            "committed": shown.live.committed,
            "network_cut": vars(shown.live.cut),
            "looks": shown.live.looks,
            "of_passers_by": shown.live.strangers,
            "radio": shown.live.radio,
        },
        "payment": payment.as_json(shown.paid),
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


def _text(ms: int | None) -> str | None:
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
