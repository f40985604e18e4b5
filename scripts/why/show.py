"""The account of a week as a person reads it at a terminal, and as a program does."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from adherence.clock import MINUTE_MS
from adherence.schema import RPE
from config.conventions import Conventions
from config.language import _, later
from reports.why import Session
from reports.why.content import Batch
from reports.why.words import PARTS, REASONS, WAYS
from reports.workbook.words import REASONS as WEEK_REASONS
from reports.workbook.words import STATES, shown
from scripts.why.account import WEEK_DAYS, Account, Check, Logged, Run, utc_ms

MISSING = later("without heart rate")
SHOWN_BATCHES = 20
SHOWN_WAYS = 10
ZONES = {
    "hrr": later("target zone: %(low)s to below %(high)s %% of heart-rate reserve"),
    "hr_max": later("target zone: %(low)s to below %(high)s %% of the maximum heart rate"),
    "bpm": later("target zone: %(low)s to below %(high)s bpm"),
    "rpe": later("perceived exertion %(low)s to %(high)s; sessions come from the log"),
}
ASKED = {
    "resistance_per_week": later("resistance training on %(n)s days a week"),
    "balance_per_week": later("balance training on %(n)s days a week"),
    "steps_per_day": later("%(n)s steps a day"),
}


class Page:
    """Writes an account in local time and the language of the process."""

    def __init__(self, account: Account, conventions: Conventions) -> None:
        self.account = account
        self.conventions = conventions

    def lines(self, runs: list[tuple[date, Run]]) -> Iterator[str]:
        """Yield the page, with these runs of minutes."""
        yield from self._head()
        yield from self._sums()
        yield from self._sessions()
        yield from self._logged()
        yield from self._short_efforts()
        yield from self._steps()
        yield from self._days(runs)
        yield from self._claims()
        yield from self._batches()

    def _head(self) -> Iterator[str]:
        account, figures, targets = self.account, self.account.figures, self.account.targets
        sunday = account.week + timedelta(days=WEEK_DAYS - 1)
        yield _("Case %(case)s, patient %(person)s, week %(monday)s to %(sunday)s") % {
            "case": account.case,
            "person": account.person,
            "monday": account.week,
            "sunday": sunday,
        }
        yield from self._prescribed()
        yield _("Adherence: %(percent)s") % {"percent": percent(figures["adherence_pct"] / 100)}
        if targets["weekly_min"] is not None:
            yield "  " + _(
                "%(days)d days with a complete session (%(attendance)s), "
                "%(credit)s min credited (%(volume)s)"
            ) % {
                "days": figures["session_days"],
                "attendance": percent(figures["attendance"]),
                "credit": number(figures["bout_credit_min"]),
                "volume": percent(min(1.0, figures["rdi"])),
            }
        for part, what in PARTS.items():
            if figures.get(f"{part}_pct") is not None:
                yield f"  {_(what)}: {percent(figures[f'{part}_pct'] / 100)}"
        if figures.get("state"):
            state = shown(STATES, figures["state"], _)
            reason = shown(WEEK_REASONS, figures.get("reason"), _)
            said = ", ".join(filter(None, (state, reason)))
            yield _("State: %(state)s") % {"state": said}
        if account.counted_to < sunday:
            yield _("The week still runs: it is counted to %(day)s.") % {"day": account.counted_to}
        yield _("Method %(version)s, inputs %(sha256)s") % {
            "version": account.method_version,
            "sha256": account.input_sha256,
        }

    def _prescribed(self) -> Iterator[str]:
        targets = self.account.targets
        if targets["weekly_min"] is not None:
            yield _(
                "Prescribed: %(sessions)s sessions a week of %(minutes)s min, %(weekly)s min a week"
            ) % {
                "sessions": number(targets["sessions_per_week"]),
                "minutes": number(targets["session_min"]),
                "weekly": number(targets["weekly_min"]),
            }
            yield "  " + _(ZONES[targets["intensity_kind"]]) % {
                "low": number(targets["zone_lo"]),
                "high": number(targets["zone_hi"]),
            }
            if targets["ceiling_bpm"] is not None and targets["intensity_kind"] != RPE:
                yield "  " + _("ceiling: %(bpm)s bpm; nothing is credited from there on") % {
                    "bpm": number(targets["ceiling_bpm"])
                }
        for name, what in ASKED.items():
            if targets[name] is not None:
                yield _("Prescribed: %(what)s") % {"what": _(what) % {"n": number(targets[name])}}

    def _logged(self) -> Iterator[str]:
        if not self.account.logged:
            return
        yield ""
        yield _("Session log")
        for one in self.account.logged:
            said = [str(one.date), _(PARTS[one.component])]
            if one.minutes is not None:
                said.append(_("%(minutes)s min") % {"minutes": number(one.minutes)})
            if one.rpe is not None:
                said.append(_("exertion %(rpe)s") % {"rpe": number(one.rpe)})
            yield f"  {', '.join(said)}: {_(one.verdict or alone(one))}"

    def _sums(self) -> Iterator[str]:
        yield ""
        yield _("Sums over the minutes, beside the week's figures")
        for check in self.account.checks():
            sums = f"{number(check.from_minutes)}, {number(check.stored)} {check.unit}".rstrip()
            verdict = _("equal") if check.is_equal else _("DIFFERENT")
            yield f"  {self.what(check)}: {sums}: {verdict}"
        for day in self.account.differing:
            yield "  " + _(
                "%(day)s: readings or records have changed since the night; the next one brings "
                "the stored figures in line"
            ) % {"day": day}
        yield ""
        yield _("What became of the week's 168 hours (h:min:s)")
        totals = self.account.totals_ms()
        for name, span_ms in totals.items():
            yield f"  {clock(span_ms):>12}  {_(word(name))}"
        yield f"  {clock(sum(totals.values())):>12}"

    def what(self, check: Check) -> str:
        """Return the name of a check."""
        if check.start_ms is None:
            return _(check.what)
        return _(check.what) % {"at": self.at(check.start_ms)}

    def _sessions(self) -> Iterator[str]:
        yield ""
        if not self.account.sessions:
            yield _("No bout qualifies in this week.")
            return
        yield _("Bouts; a complete one is a session")
        for session in self.account.sessions:
            verdict = _("complete") if session.complete else self._too_little(session)
            yield "  " + _(
                "%(from)s to %(to)s: effort %(effort)s, credit %(credit)s, %(verdict)s"
            ) % {
                "from": self.at(utc_ms(session)),
                "to": self.at(round(session.end_at.timestamp() * 1000)),
                "effort": clock(session.effort_ms),
                "credit": clock(session.credit_ms),
                "verdict": verdict,
            }
            if session.sparse:
                yield "    " + _("sparse: less than %(percent)d %% of its span is effort") % {
                    "percent": self.conventions.sparse_below_pct
                }
            if not session.counted:
                yield "    " + _("after the last day that counts: not in the week's figures yet")
            if session.min_counted:
                yield "    " + _(
                    "steps known in %(counted)d min, walking in %(walk)d, none in %(zero)d"
                ) % {
                    "counted": session.min_counted,
                    "walk": session.min_walk,
                    "zero": session.min_zero,
                }
            for batch in session.batches:
                yield f"    {self._batch(batch)}"

    def _too_little(self, session: Session) -> str:
        if session.session_min is None:
            return _("not complete")
        asked = _("not complete: %(percent)d %% of %(minutes)s min are asked")
        return asked % {
            "percent": self.conventions.complete_from_pct,
            "minutes": number(session.session_min),
        }

    def _short_efforts(self) -> Iterator[str]:
        if not self.account.short_efforts:
            return
        yield ""
        yield _(
            "Effort that is no bout: less than %(least)d min of it, or nowhere %(effort)d of "
            "%(window)d min"
        ) % {
            "least": self.conventions.least_bout_effort_s // 60,
            "effort": self.conventions.bout_window_effort_s // 60,
            "window": self.conventions.bout_window_s // 60,
        }
        for effort in self.account.short_efforts:
            yield "  " + _("%(from)s to %(to)s: effort %(effort)s, %(credit)s not credited") % {
                "from": self.at(round(effort.start_at.timestamp() * 1000)),
                "to": self.at(round(effort.end_at.timestamp() * 1000)),
                "effort": clock(effort.effort_ms),
                "credit": clock(effort.credit_ms),
            }

    def _steps(self) -> Iterator[str]:
        if not self.account.steps:
            return
        yield ""
        yield _("Steps")
        for day in self.account.steps:
            said = {"day": day.date, "steps": day.steps, "minutes": day.by_minute}
            if day.by_totals is None:
                yield "  " + _("%(day)s: %(steps)d, all of them by the minute") % said
            else:
                yield "  " + _(
                    "%(day)s: %(steps)d; %(totals)d by running totals and longer spans, "
                    "%(minutes)d by the minute"
                ) % (said | {"totals": day.by_totals})
            for way in day.ways[:SHOWN_WAYS]:
                yield "    " + _("%(from)s to %(to)s: %(steps)s, %(verdict)s") % {
                    "from": self.at(_ms(way.start_at)),
                    "to": self.at(_ms(way.end_at)),
                    "steps": "-" if way.steps is None else way.steps,
                    "verdict": _(WAYS[way.verdict]),
                }
            if len(day.ways) > SHOWN_WAYS:
                yield "    " + _("and %(more)d more: all of them with --json") % {
                    "more": len(day.ways) - SHOWN_WAYS
                }

    def _days(self, runs: list[tuple[date, Run]]) -> Iterator[str]:
        yield ""
        yield _("Minutes: what most of each was; alike ones in a row on one line")
        told = None
        for day, run in runs:
            if day != told:
                yield f"  {day}"
            told = day
            yield f"    {self._run(run)}"

    def _run(self, run: Run) -> str:
        end_ms = run.start_ms + run.minutes * MINUTE_MS
        parts = [
            f"{self.minute(run.start_ms)}-{self.minute(end_ms, '24:00')}",
            _("%(minutes)s min") % {"minutes": f"{run.minutes:>4}"},
            _(REASONS[run.reason]),
        ]
        if run.lowest_bpm is not None and run.highest_bpm is not None:
            low, high = round(run.lowest_bpm), round(run.highest_bpm)
            parts.append(f"{low} bpm" if low == high else f"{low}-{high} bpm")
        if run.steps is not None:
            parts.append(_("%(steps)d steps") % {"steps": run.steps})
        said = "  ".join(parts)
        if len(run.spans_ms) > 1:
            mixed = ", ".join(f"{_(word(n))} {clock(ms)}" for n, ms in run.spans_ms.items())
            said += f"  ({mixed})"
        return said

    def _claims(self) -> Iterator[str]:
        """Say which bands are this person's by their own word, and where they said so."""
        if not self.account.claims:
            return
        yield ""
        yield _("Bands that the wearer said are theirs: %(count)d") % {
            "count": len(self.account.claims)
        }
        for one in self.account.claims:
            since, until = one.counts_from, one.counts_until
            yield "  " + _(
                "%(band)s, on the page of %(centre)s %(gateway)s: %(since)s to %(until)s"
            ) % {
                "band": one.device_key,
                "centre": one.centre,
                "gateway": one.gateway,
                "since": self.at(_ms(since or one.began_at)),
                "until": self.at(_ms(until or one.ended_at or one.began_at)),
            }

    def _batches(self) -> Iterator[str]:
        batches = self.account.batches
        yield ""
        if batches is None:
            yield _(
                "Read out of files: no batches, and nobody knows why a minute has no heart rate."
            )
            return
        yield _("Batches with readings of this week: %(count)d") % {"count": len(batches)}
        for batch in batches[:SHOWN_BATCHES]:
            yield f"  {self._batch(batch)}"
        if len(batches) > SHOWN_BATCHES:
            yield "  " + _("and %(more)d more: all of them with --json") % {
                "more": len(batches) - SHOWN_BATCHES
            }

    def _batch(self, batch: Batch) -> str:
        return _(
            "%(centre)s %(gateway)s, batch %(seq)d of %(boot)s: %(beats)d heart rates, "
            "%(steps)d step counts; content %(sha256)s"
        ) % {
            "centre": batch.centre,
            "gateway": batch.gateway,
            "seq": batch.seq,
            "boot": batch.boot[:8],
            "beats": batch.heart_rates,
            "steps": batch.step_counts,
            "sha256": batch.content_sha256[:12],
        }

    def _local(self, at_ms: int) -> datetime:
        return datetime.fromtimestamp(at_ms / 1000, UTC) + timedelta(
            minutes=self.conventions.utc_offset_min
        )

    def at(self, at_ms: int) -> str:
        """Return a time as the clock on the wall showed it, with day and second."""
        local = self._local(at_ms)
        form = "%Y-%m-%d %H:%M:%S" if at_ms % 1000 == 0 else "%Y-%m-%d %H:%M:%S.%f"
        return local.strftime(form).removesuffix("000")

    def minute(self, at_ms: int, midnight: str = "00:00") -> str:
        """Return the clock minute; midnight in the words for the day it begins, or ends."""
        time = self._local(at_ms).strftime("%H:%M")
        return midnight if time == "00:00" else time


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000


def alone(entry: Logged) -> str:
    """Return the text for an entry of the log as it counts without a look at the others."""
    if entry.complete:
        return later("counts, unless its day or its rest speak against it")
    if entry.credit_ms:
        return later("no session, but its minutes count")
    return later("does not count")


def word(span: str) -> str:
    """Return the text for what a minute is made of."""
    return REASONS.get(span, MISSING)


def number(value: float) -> str:
    """Return a number without zeros nobody needs."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """Return a share in per cent."""
    return f"{100 * share:.1f} %"


def clock(span_ms: int) -> str:
    """Return a span as hours, minutes and seconds; milliseconds only where there are some."""
    seconds, ms = divmod(span_ms, 1000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    shown = f"{hours}:{minute:02}:{second:02}"
    return f"{shown}.{ms:03}" if ms else shown
