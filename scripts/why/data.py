"""The account of a week as plain values, for programs: times in UTC, spans in seconds."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from reports.why import Session
from reports.why.content import Batch, StepDay
from scripts.why.account import Account, Check, Logged, Run, utc_ms
from storage.bands import ClaimedBand


def as_data(account: Account, runs: list[tuple[Any, Run]]) -> dict[str, Any]:
    """Return the account with these runs of minutes, ready for JSON."""
    return {
        "case": account.case,
        "person": account.person,
        "week": str(account.week),
        "counted_to": str(account.counted_to),
        "method_version": account.method_version,
        "input_sha256": account.input_sha256,
        "targets": account.targets,
        "figures": account.figures,
        "checks": [_check(check) for check in account.checks()],
        "changed_since": [str(day) for day in account.differing],
        "total_s": _seconds(account.totals_ms()),
        "sessions": [_session(session) for session in account.sessions],
        "short_efforts": [
            {
                "start": effort.start_at.isoformat(),
                "end": effort.end_at.isoformat(),
                "effort_s": effort.effort_ms / 1000,
                "credit_s": effort.credit_ms / 1000,
            }
            for effort in account.short_efforts
        ],
        "logged": [_logged(one) for one in account.logged],
        "steps": [_steps(day) for day in account.steps],
        "runs": [_run(day, run) for day, run in runs],
        "batches": None if account.batches is None else [_batch(b) for b in account.batches],
        "claims": [_claim(one) for one in account.claims],
    }


def _check(check: Check) -> dict[str, Any]:
    said = check._asdict()
    start_ms = said.pop("start_ms")
    if start_ms is not None:
        said["what"] %= {"at": _instant(start_ms)}
    return said | {"is_equal": check.is_equal}


def _session(session: Session) -> dict[str, Any]:
    names = ("complete", "sparse", "counted", "min_counted", "min_zero", "min_walk", "session_min")
    spans = {name: getattr(session, f"{name}_ms") for name in ("span", "effort", "credit")}
    return {
        "start": _instant(utc_ms(session)),
        "end": session.end_at.isoformat(),
        "date": str(session.date),
        **_seconds(spans, suffix="_s"),
        **{name: getattr(session, name) for name in names},
        "batches": [_batch(batch) for batch in session.batches],
    }


def _logged(entry: Logged) -> dict[str, Any]:
    return {
        "date": str(entry.date),
        "component": entry.component,
        "minutes": entry.minutes,
        "rpe": entry.rpe,
        "credit_s": entry.credit_ms / 1000,
        "complete": entry.complete,
        "verdict": entry.verdict,
    }


def _steps(day: StepDay) -> dict[str, Any]:
    return {
        "date": str(day.date),
        "steps": day.steps,
        "by_minute": day.by_minute,
        "by_totals": day.by_totals,
        "ways": [
            asdict(way) | {"start_at": way.start_at.isoformat(), "end_at": way.end_at.isoformat()}
            for way in day.ways
        ],
    }


def _run(day: object, run: Run) -> dict[str, Any]:
    return {
        "date": str(day),
        "start": _instant(run.start_ms),
        "minutes": run.minutes,
        "reason": run.reason,
        "session": None if run.bout_start_ms is None else _instant(run.bout_start_ms),
        "seconds": _seconds(run.spans_ms),
        "lowest_bpm": run.lowest_bpm,
        "highest_bpm": run.highest_bpm,
        "steps": run.steps,
    }


def _batch(batch: Batch) -> dict[str, Any]:
    return asdict(batch) | {"committed_at": batch.committed_at.isoformat()}


def _claim(one: ClaimedBand) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in one._asdict().items()
    }


def _seconds(spans_ms: dict[str, int], suffix: str = "") -> dict[str, float]:
    return {f"{name}{suffix}": span_ms / 1000 for name, span_ms in spans_ms.items()}


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
