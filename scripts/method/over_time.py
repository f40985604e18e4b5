"""The pictures of what happens over time: C1-C5, C9-C12."""

from typing import Any

from scripts.method import recordings
from scripts.method.drawing import ABOVE, BLUE, FAINT, IN_ZONE, INK, WIDTH
from scripts.method.recording import MONDAY_7H, Rows, ms, score, span
from scripts.method.traces import LEFT, RIGHT, Held, Trace, held_of
from scripts.method.words import Words

SECOND_MS = 1000
MINUTE_MS = 60_000
Values = dict[str, Any]
SEVEN = ms(MONDAY_7H)


def _seven(seconds: float) -> int:
    return SEVEN + round(SECOND_MS * seconds)


def _dots(trace: Trace, rows: Rows, dropped: set[int]) -> None:
    """Draw samples as recorded; the dropped ones, by place, as rings."""
    for place, (at, bpm) in enumerate(rows):
        if bpm is None:
            continue
        x, y = trace.x(at), trace.y(bpm)
        if place in dropped:
            trace.canvas.ring(x, y, ABOVE)
        else:
            trace.canvas.dot(x, y)


def _kept_legend(trace: Trace, y: float) -> None:
    trace.canvas.dot(LEFT + 7, y - 5)
    trace.canvas.text(LEFT + 22, y, trace.words("kept"), size=14)
    trace.canvas.ring(LEFT + 187, y - 5, ABOVE)
    trace.canvas.text(LEFT + 202, y, trace.words("dropped"), size=14)


def c1(words: Words, values: Values) -> str:
    """Draw Sunday's last minute and Monday's first."""
    midnight = ms("2026-05-11 00:00:00")
    trace = Trace(
        words,
        "c1",
        from_ms=midnight - 2 * MINUTE_MS,
        to_ms=midnight + 2 * MINUTE_MS,
        bpm=(80, 110),
        height=210,
    )
    canvas, x = trace.canvas, trace.x
    middle = x(midnight)
    canvas.rect(LEFT, 34, middle - LEFT, 44, "#e7f0fa")
    canvas.rect(middle, 34, WIDTH - RIGHT - middle, 44, "#fdf1dc")
    canvas.line(middle, 30, middle, trace.bottom, BLUE, 2, dashed=True)
    sunday, monday = values["days"]
    for place, (name, of_day, week) in enumerate(
        (("sunday", sunday, values["weeks"][0]), ("monday", monday, values["weeks"][1]))
    ):
        at = (LEFT + middle) / 2 if place == 0 else (middle + WIDTH - RIGHT) / 2
        canvas.text(at, 52, words(name, of_day), anchor="middle")
        canvas.text(at, 71, words("this_week", week), anchor="middle", size=13, fill=FAINT)
    trace.levels(95)
    _dots(trace, recordings.MIDNIGHT_SUNDAY, set())
    trace.times(midnight - MINUTE_MS, midnight, midnight + MINUTE_MS)
    return canvas.svg()


def c2(words: Words, _values: Values) -> str:
    """Draw six rows with the range."""
    trace = Trace(words, "c2", from_ms=_seven(-40), to_ms=_seven(640), bpm=(-15, 255))
    canvas = trace.canvas
    for edge in (30, 220):
        canvas.line(LEFT, trace.y(edge), WIDTH - RIGHT, trace.y(edge), BLUE, 1.5, dashed=True)
    trace.levels(30, 95, 220)
    _dots(trace, recordings.RANGE, {0, 4})
    for at, bpm in recordings.RANGE:
        said = words("nothing") if bpm is None else f"{bpm:g}"
        y = trace.y(110 if bpm is None else bpm)
        canvas.text(trace.x(at), y - 12, said, anchor="middle")
    trace.times(*(at for at, _ in recordings.RANGE))
    _kept_legend(trace, trace.bottom + 50)
    return canvas.svg()


def c3(words: Words, values: Values) -> str:
    """Draw twins and the sample they become."""
    trace = Trace(words, "c3", from_ms=_seven(-4), to_ms=_seven(46), bpm=(90, 116))
    trace.levels(90, 100, 110)
    _dots(trace, recordings.TWINS, {2, 3, 4})
    mean = float(values["bpm"])
    trace.canvas.dot(trace.x(_seven(20)), trace.y(mean), IN_ZONE, 6)
    trace.canvas.text(
        trace.x(_seven(20)) + 14,
        trace.y(112),
        words("mean_of", values["bpm"]),
        fill=IN_ZONE,
    )
    trace.times(*(_seven(second) for second in range(0, 41, 10)))
    _kept_legend(trace, trace.bottom + 50)
    return trace.canvas.svg()


def c4(words: Words, _values: Values) -> str:
    """Draw a spike beside a leap that is just allowed, with the 30 bpm about the median."""
    trace = Trace(words, "c4", from_ms=_seven(-6), to_ms=_seven(126), bpm=(55, 160), height=290)
    canvas = trace.canvas
    for from_s, rows in ((0, recordings.SPIKE), (75, recordings.ALMOST_SPIKE)):
        ordered = sorted(bpm for _, bpm in rows if bpm is not None)
        median = ordered[len(ordered) // 2]
        left, right = trace.x(_seven(from_s - 4)), trace.x(_seven(from_s + 44))
        top, low = trace.y(median + 30), trace.y(median - 30)
        canvas.rect(left, top, right - left, low - top, "#e7f0fa")
        canvas.line(left, trace.y(median), right, trace.y(median), BLUE, 1.5, dashed=True)
        canvas.text(left + 6, low - 8, words("median", f"{median:g}"), fill=BLUE, size=13)
        moved = [(at + from_s * SECOND_MS, bpm) for at, bpm in rows]
        far = max(ordered)
        dropped = {2} if far - median > 30 else set()  # noqa: PLR2004 - the example's numbers
        _dots(trace, moved, dropped)
        said = words("away" if dropped else "stays", f"{far - median:g}")
        place = trace.x(_seven(from_s + 20))
        canvas.text(place, trace.y(far) - 12, said, anchor="middle", fill=ABOVE if dropped else INK)
    trace.levels(64, 94, 124, 150)
    _kept_legend(trace, trace.bottom + 36)
    return canvas.svg()


def c5(words: Words, values: Values) -> str:
    """Draw how long each of four samples stands."""
    trace = Trace(
        words, "c5", from_ms=_seven(-12), to_ms=_seven(262), bpm=(98, 116), height=270, below=90
    )
    spans = held_of(score(recordings.HOLDING))
    trace.levels(100, 110)
    trace.held(spans, 6)
    _dots(trace, recordings.HOLDING, set())
    for (start, end, bpm, _kind), (_from, _to, length) in zip(spans, values["spans"], strict=True):
        middle = (trace.x(start) + trace.x(end)) / 2
        trace.canvas.text(middle, trace.y(bpm) - 12, length, anchor="middle")
    trace.times(*(at for at, _ in recordings.HOLDING), spans[-1].end_ms)
    trace.strip(spans, trace.bottom + 34)
    hole = (trace.x(spans[2].end_ms) + trace.x(spans[3].start_ms)) / 2
    trace.canvas.text(hole, trace.bottom + 48, values["missing"], anchor="middle", size=13)
    trace.legend(trace.bottom + 76, "effort_in_zone", "nothing")
    return trace.canvas.svg()


def c9(words: Words, values: Values) -> str:
    """Draw a trace below, in and above the zone."""
    found = score(recordings.CREDIT)
    spans = held_of(found)
    trace = Trace(
        words,
        "c9",
        from_ms=SEVEN,
        to_ms=spans[-1].end_ms,
        bpm=(88, 132),
        height=290,
        below=90,
    )
    trace.zone()
    trace.levels(95, 100, 120)
    trace.held(spans)
    trace.times(*(SEVEN + n * MINUTE_MS for n in range(0, 17, 4)), seconds=False)
    trace.strip(spans, trace.bottom + 32)
    trace.legend(trace.bottom + 74, "in_zone", "above", "below")
    above = next(held for held in spans if held.kind == "above")
    trace.canvas.text(
        trace.x(above.start_ms + 90_000),
        trace.y(127.5),
        values["above"],
        anchor="middle",
        fill=ABOVE,
    )
    return trace.canvas.svg()


def c10(words: Words, values: Values) -> str:
    """Draw one hold over midnight, cut."""
    start = recordings.MIDNIGHT[0][0]
    midnight = start + 20 * SECOND_MS
    trace = Trace(
        words,
        "c10",
        from_ms=start - 10 * SECOND_MS,
        to_ms=start + 65 * SECOND_MS,
        bpm=(90, 120),
        height=220,
    )
    canvas = trace.canvas
    end = start + 50 * SECOND_MS
    trace.levels(95, 110)
    trace.held([Held(start, end, 110, "in_zone")], 7)
    _dots(trace, recordings.MIDNIGHT, set())
    x = trace.x(midnight)
    canvas.line(x, 26, x, trace.bottom, BLUE, 2, dashed=True)
    canvas.text(x, 20, words("midnight"), anchor="middle", fill=BLUE)
    (first, first_s), (second, second_s) = values["days"]
    for from_ms, to_ms, said in (
        (start, midnight, f"{first}: {first_s}"),
        (midnight, end, f"{second}: {second_s}"),
    ):
        canvas.span(trace.x(from_ms), trace.x(to_ms) - 1, trace.y(114), said)
    trace.times(start, midnight, end)
    return canvas.svg()


def c11(words: Words, values: Values) -> str:
    """Draw a bout with its two interruptions."""
    found = score(recordings.BOUT)
    spans = held_of(found)
    trace = Trace(
        words,
        "c11",
        from_ms=SEVEN,
        to_ms=spans[-1].end_ms,
        bpm=(72, 140),
        height=310,
        below=94,
    )
    trace.zone()
    trace.levels(95, 100, 120)
    trace.held(spans)
    for from_s, to_s in ((360, 480), (780, 870)):
        said = words("interruption", to_s - from_s)
        trace.canvas.span(trace.x(_seven(from_s)), trace.x(_seven(to_s)), trace.y(78), said, FAINT)
    bout = found.bouts.row(0, named=True)
    joined = values["joined"][0]
    said = words("one_bout", joined["effort"], joined["credit"])
    trace.canvas.span(trace.x(bout["start_ms"]), trace.x(bout["end_ms"]), 32, said, IN_ZONE)
    trace.times(*(SEVEN + n * MINUTE_MS for n in range(0, 19, 3)), seconds=False)
    trace.strip(spans, trace.bottom + 34)
    trace.legend(trace.bottom + 78, "in_zone", "above", "below", "nothing")
    return trace.canvas.svg()


def c11_window(words: Words, _values: Values) -> str:
    """Draw two chains with the densest ten minutes of each."""
    trace = Trace(
        words, "c11-window", from_ms=SEVEN, to_ms=_seven(17 * 60), bpm=(0, 1), height=240, below=40
    )
    canvas = trace.canvas
    for place, rows in enumerate((recordings.DENSE, recordings.THIN)):
        found = score(rows)
        chain = found.chains.row(0, named=True)
        effort = [held for held in held_of(found) if held.kind != "below"]
        densest = max(
            sum(max(0, min(h.end_ms, t + 600_000) - max(h.start_ms, t)) for h in effort)
            for t in {held.start_ms for held in effort}
        )
        y = 58 + 78 * place
        trace.strip([h for h in held_of(found) if h.end_ms <= chain["end_ms"]], y, 22)
        verdict = words("qualifies" if chain["qualifies"] else "fails")
        colour = IN_ZONE if chain["qualifies"] else ABOVE
        start, end = trace.x(chain["start_ms"]), trace.x(chain["start_ms"] + 600_000)
        said = f"{words('window', span(densest))}, {verdict}"
        canvas.line(start, y - 8, end, y - 8, colour, 2)
        canvas.line(start, y - 13, start, y - 3, colour, 2)
        canvas.line(end, y - 13, end, y - 3, colour, 2)
        canvas.text(start, y - 20, said, fill=colour)
    trace.times(*(SEVEN + n * MINUTE_MS for n in range(0, 17, 2)), seconds=False)
    return canvas.svg()


def c12(words: Words, values: Values) -> str:
    """Draw the credit of two bouts beside what a session asks."""
    trace = Trace(words, "c12", from_ms=0, to_ms=16 * MINUTE_MS, bpm=(0, 1), height=190, below=36)
    canvas = trace.canvas
    asked = trace.x(12 * MINUTE_MS)
    for place, name in enumerate(("enough", "short")):
        bout = values[name]
        minutes, seconds = (int(part) for part in bout["credit"].split(":"))
        y = 52 + 50 * place
        length = trace.x(MINUTE_MS * minutes + SECOND_MS * seconds) - LEFT
        canvas.rect(LEFT, y, length, 30, IN_ZONE if bout["complete"] else "#8bbf97")
        key = "complete" if bout["complete"] else "not_complete"
        canvas.text(
            LEFT + 10,
            y + 21,
            words(key, bout["credit"]),
            fill="#ffffff" if bout["complete"] else INK,
        )
    canvas.line(asked, 34, asked, trace.bottom, BLUE, 2, dashed=True)
    canvas.text(asked, 24, words("asked", "12:00"), anchor="middle", fill=BLUE)
    for minute in range(0, 16, 3):
        x = trace.x(minute * MINUTE_MS)
        canvas.text(x, trace.bottom + 22, f"{minute}", anchor="middle", fill=FAINT, size=13)
    canvas.text(
        WIDTH - RIGHT, trace.bottom + 22, words("minutes"), anchor="end", fill=FAINT, size=13
    )
    return canvas.svg()
