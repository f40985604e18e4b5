"""The pictures of figures: C6-C8, C13-C16, phases and states."""

from typing import Any

from scripts.method import recordings
from scripts.method.drawing import (
    ABOVE,
    BELOW,
    BLUE,
    FAINT,
    IN_ZONE,
    INK,
    NOTHING,
    PAPER,
    WIDTH,
    Axis,
    Canvas,
)
from scripts.method.recording import conventions
from scripts.method.words import Words

Values = dict[str, Any]
LEFT, RIGHT = 64, 24
ZONE_COLOURS = ("#e3e8ed", "#cfe3f5", "#a5d8b0", "#ffd08a", "#f2a3a3")


def c6(words: Words, values: Values) -> str:
    """Draw both formulas by age."""
    canvas = Canvas(290, words("c6"))
    x, y = Axis(20, 90, LEFT, WIDTH - RIGHT), Axis(90, 200, 240, 30)
    c = conventions()
    canvas.text(8, 22, words("bpm"), fill=FAINT, size=14)
    canvas.line(LEFT, 240, WIDTH - RIGHT, 240, FAINT)
    for bpm in (100, 120, 140, 160, 180):
        canvas.text(LEFT - 10, y(bpm) + 5, str(bpm), anchor="end", fill=FAINT, size=14)
        canvas.line(LEFT, y(bpm), WIDTH - RIGHT, y(bpm), NOTHING)
    for age in range(20, 91, 10):
        canvas.text(x(age), 262, str(age), anchor="middle", fill=FAINT, size=13)
    canvas.text(WIDTH - RIGHT, 282, words("age"), anchor="end", fill=FAINT, size=13)
    fall = c.hr_max_fall_tenths_per_year / 10
    for key, intercept, shown, colour in (
        ("no_blocker", c.hr_max_intercept_bpm, values["plain"], BLUE),
        ("blocker", c.hr_max_intercept_beta_blocker_bpm, values["blocked"], ABOVE),
    ):
        canvas.line(x(20), y(intercept - fall * 20), x(90), y(intercept - fall * 90), colour, 2.5)
        canvas.text(x(32), y(intercept - fall * 32) - 14, words(key), fill=colour)
        canvas.dot(x(65), y(float(shown)), colour, 6)
        said = f"{words('years', 65)}: {shown}"
        canvas.text(x(65) + 6, y(float(shown)) - 14, said, fill=colour)
    return canvas.svg()


def c7(words: Words, values: Values) -> str:
    """Draw the sorted minutes of the second day, with the one that counts."""
    canvas = Canvas(250, words("c7"))
    minutes, rank = 610, 31
    x, y = Axis(0, minutes, LEFT, WIDTH - RIGHT), Axis(50, 76, 200, 40)
    canvas.text(8, 22, words("bpm"), fill=FAINT, size=14)
    for bpm in (56, 61, 72):
        canvas.text(LEFT - 10, y(bpm) + 5, str(bpm), anchor="end", fill=FAINT, size=14)
    for first, last, bpm in ((0, 30, 56), (30, 31, 61), (31, minutes, 72)):
        canvas.line(x(first), y(bpm), x(last), y(bpm), BELOW, 5)
    canvas.line(LEFT, 200, WIDTH - RIGHT, 200, FAINT)
    canvas.dot(x(rank - 0.5), y(61), IN_ZONE, 6)
    said = words("fifth", rank, minutes, values["days"][1])
    canvas.text(x(rank) + 14, y(61) + 5, said, fill=IN_ZONE)
    for minute in (1, rank, minutes):
        anchor = {1: "start", minutes: "end"}.get(minute, "middle")
        canvas.text(x(minute), 220, str(minute), anchor=anchor, fill=FAINT, size=13)
    canvas.text(
        (LEFT + WIDTH) / 2, 242, words("sorted_minutes"), anchor="middle", fill=FAINT, size=14
    )
    return canvas.svg()


def c8(words: Words, values: Values) -> str:
    """Draw the zones of two people in bpm."""
    canvas = Canvas(200, words("c8"))
    names = ("very_light", "light", "moderate", "vigorous", "near_max")
    x = Axis(60, 168, LEFT, WIDTH - RIGHT)
    for place, (person, rest, top) in enumerate((("easy", 60, 160), ("odd", 62, 167))):
        y = 46 + 76 * place
        edges = [rest, *values[person], top]
        canvas.text(LEFT, y - 10, words(f"person_{person}"), size=14)
        for name, low, high, colour in zip(names, edges, edges[1:], ZONE_COLOURS, strict=False):
            canvas.rect(x(low), y, x(high) - x(low), 32, colour, FAINT)
            size = 14 if x(high) - x(low) > 60 else 12  # noqa: PLR2004 - a narrow zone
            canvas.text((x(low) + x(high)) / 2, y + 21, words(name), anchor="middle", size=size)
        for edge in edges:
            canvas.text(x(edge), y + 48, str(edge), anchor="middle", fill=FAINT, size=13)
    canvas.text(WIDTH - RIGHT, 190, words("bpm"), anchor="end", fill=FAINT, size=13)
    return canvas.svg()


def c13(words: Words, values: Values) -> str:
    """Draw how long a band was worn on each day of a week."""
    canvas = Canvas(270, words("c13"))
    y = Axis(0, 15, 210, 40)
    worn = {shown[-2:]: (hours, valid) for shown, hours, valid in values["days"]}
    step = (WIDTH - LEFT - RIGHT) / 7
    for place, name in enumerate(words("days").split()):
        left = LEFT + step * place + 14
        hours, valid = worn.get(f"{4 + place:02}", ("0:00", False))
        hour, minute = (int(part) for part in hours.split(":"))
        top = y(hour + minute / 60)
        canvas.rect(left, top, step - 28, 210 - top, IN_ZONE if valid else BELOW)
        middle = left + step / 2 - 14
        canvas.text(middle, top - 6, hours, anchor="middle", size=14)
        canvas.text(middle, 230, name, anchor="middle", size=14)
        said = words("valid" if valid else "not_valid")
        canvas.text(middle, 248, said, anchor="middle", fill=IN_ZONE if valid else FAINT, size=13)
    canvas.line(LEFT, y(10), WIDTH - RIGHT, y(10), BLUE, 2, dashed=True)
    canvas.text(LEFT - 8, y(10) + 5, words("ten_hours"), anchor="end", fill=BLUE, size=14)
    canvas.line(LEFT, 210, WIDTH - RIGHT, 210, FAINT)
    said = words("valid_week", values["valid_days"])
    canvas.text(WIDTH - RIGHT, 22, said, anchor="end", fill=IN_ZONE)
    return canvas.svg()


def c14(words: Words, values: Values) -> str:
    """Draw the bouts of a week, and what attendance and volume make of them."""
    canvas = Canvas(330, words("c14"))
    week = values["week"]
    y = Axis(0, 36, 190, 30)
    done = {number: (in_zone, above) for number, in_zone, above in recordings.WEEK_SESSIONS}
    step = (WIDTH - LEFT - RIGHT) / 7
    for place, name in enumerate(words("days").split()):
        left = LEFT + step * place + 18
        in_zone, above = done.get(f"{4 + place:02}", (0, 0))
        middle = left + step / 2 - 18
        canvas.text(middle, 210, name, anchor="middle", size=14)
        if not in_zone:
            continue
        complete = in_zone >= 24  # noqa: PLR2004 - 80 % of the example's 30 min
        canvas.rect(
            left, y(in_zone), step - 36, 190 - y(in_zone), IN_ZONE if complete else "#8bbf97"
        )
        canvas.rect(left, y(in_zone + above), step - 36, y(in_zone) - y(in_zone + above), ABOVE)
        canvas.text(middle, 180, str(in_zone), anchor="middle", fill=PAPER if complete else INK)
        if above:
            canvas.text(middle, y(in_zone + above) - 6, f"+ {above}", anchor="middle", fill=ABOVE)
    canvas.text(8, 22, words("minutes"), fill=FAINT, size=14)
    canvas.line(LEFT, y(24), WIDTH - RIGHT, y(24), BLUE, 2, dashed=True)
    canvas.text(WIDTH - RIGHT, y(24) - 6, words("session_line"), anchor="end", fill=BLUE, size=14)
    canvas.line(LEFT, 190, WIDTH - RIGHT, 190, FAINT)
    x = Axis(0, 1, 330, WIDTH - 70)
    rows = (
        (float(week["attendance"]), words("attendance", week["session_days"])),
        (float(week["volume"]), words("volume", week["bout_credit_min"])),
    )
    for place, (share, said) in enumerate(rows):
        top = 230 + 30 * place
        canvas.text(320, top + 15, said, anchor="end", size=14)
        canvas.rect(x(0), top, x(1) - x(0), 18, NOTHING, FAINT)
        canvas.rect(x(0), top, x(share) - x(0), 18, BLUE)
        canvas.text(x(1) + 8, top + 15, f"{100 * share:.1f} %", size=14)
    canvas.line(x(0.8), 224, x(0.8), 282, ABOVE, 1.5, dashed=True)
    canvas.text(x(0.8), 298, "80 %", anchor="middle", fill=ABOVE, size=13)
    canvas.text(LEFT, 318, words("lowest", week["adherence_pct"]))
    canvas.text(WIDTH - RIGHT, 318, words("not_adherent"), anchor="end", fill=ABOVE)
    return canvas.svg()


def c15(words: Words, values: Values) -> str:
    """Draw five minutes of steps over the heart rate held in each."""
    canvas = Canvas(262, words("c15"))
    start = 130
    y = Axis(0, 150, 184, 34)
    c = conventions()
    step = (WIDTH - start - RIGHT) / len(recordings.CADENCE)
    canvas.text(8, 20, words("steps"), fill=FAINT, size=13)
    for place, ((_at, count), second) in enumerate(
        zip(recordings.CADENCE, values["held_s"], strict=True)
    ):
        left, steps = start + step * place + 24, count or 0
        top = y(steps)
        is_moderate = steps >= c.moderate_cadence_spm
        canvas.rect(left, top, step - 48, 184 - top, BLUE if is_moderate else BELOW)
        middle = left + step / 2 - 24
        canvas.text(middle, 176, f"{steps:g}", anchor="middle", fill=PAPER)
        canvas.text(middle, 204, f"07:{place:02}", anchor="middle", fill=FAINT, size=13)
        is_present = second >= c.heart_rate_present_s
        colour = INK if is_present else ABOVE
        canvas.text(middle, 226, words("hr_present", second), anchor="middle", fill=colour, size=13)
        if not is_present:
            canvas.text(middle, 246, words("hr_less"), anchor="middle", fill=colour, size=13)
    for steps, key in (
        (c.moderate_cadence_spm, "cad_moderate"),
        (c.vigorous_cadence_spm, "cad_vigorous"),
    ):
        canvas.line(start, y(steps), WIDTH - RIGHT, y(steps), FAINT, 1.5, dashed=True)
        canvas.text(start - 8, y(steps) + 5, words(key), anchor="end", fill=FAINT, size=13)
    canvas.line(start, 184, WIDTH - RIGHT, 184, FAINT)
    return canvas.svg()


def c16(words: Words, values: Values) -> str:
    """Draw four rows of minutes, each with its flag."""
    canvas = Canvas(4 * 66 + 50, words("c16"))
    flags = (("still", 110), ("lock", 108), ("shake", 75), ("fast", 95))
    step = 76
    for place, ((name, bpm), (_hr, steps)) in enumerate(zip(flags, recordings.FLAGS, strict=True)):
        top = 24 + 66 * place
        canvas.text(16, top + 4, words(name), size=14)
        canvas.text(16, top + 26, words("pulse_word"), fill=FAINT, size=13)
        canvas.text(16, top + 44, words("steps_word"), fill=FAINT, size=13)
        marked = _flagged(name, bpm, [count for _, count in steps])
        if sum(marked) != values[f"{name}_min"]:
            raise ValueError(f"the picture of {name} does not show what the core says")
        for number, ((_at, count), is_marked) in enumerate(zip(steps, marked, strict=True)):
            left = 80 + step * number
            canvas.rect(
                left,
                top + 12,
                step - 8,
                36,
                "#ffe3e3" if is_marked else NOTHING,
                ABOVE if is_marked else NOTHING,
            )
            canvas.text(left + 34, top + 27, str(bpm), anchor="middle", size=13)
            canvas.text(left + 34, top + 44, f"{count:g}", anchor="middle", size=13)
    y = 4 * 66 + 32
    canvas.rect(16, y - 13, 16, 16, "#ffe3e3", ABOVE)
    canvas.text(40, y, words("flagged"), size=14)
    return canvas.svg()


def _flagged(name: str, bpm: int, steps: list[float | None]) -> list[bool]:
    """Say which minutes of an example bear its flag; the core has the last word."""
    c = conventions()
    counts = [count or 0 for count in steps]
    if name == "still":
        back = c.still_minutes
        return [n + 1 >= back and not any(counts[n + 1 - back : n + 1]) for n in range(len(counts))]
    if name == "fast":
        return [count > c.fast_above_spm for count in counts]
    quick = [count >= c.lock_cadence_spm for count in counts]
    if name == "shake":
        return quick
    return [
        is_quick and abs(bpm - n) <= c.lock_within_bpm
        for is_quick, n in zip(quick, counts, strict=True)
    ]


def states(words: Words, _values: Values) -> str:
    """Draw how a week gets its state: three questions, three answers."""
    canvas = Canvas(196, words("states"))
    width, gap, top = 130, 44, 24
    answers = (("met", IN_ZONE), ("cannot_judge", FAINT), ("not_met", ABOVE))
    for place, (question, (answer, colour)) in enumerate(
        zip(("adherent", "excused", "observed"), answers, strict=True)
    ):
        left = 30 + (width + gap) * place
        middle = left + width / 2
        canvas.rect(left, top, width, 44, "#e7f0fa", BLUE)
        canvas.text(middle, top + 28, words(question), anchor="middle")
        canvas.line(middle, top + 44, middle, top + 92, INK, 1.5)
        canvas.text(middle + 8, top + 72, words("yes"), size=13, fill=FAINT)
        canvas.rect(left, top + 92, width, 44, "#ffffff", colour)
        canvas.text(middle, top + 119, words(answer), anchor="middle", fill=colour, size=14)
        canvas.line(left + width, top + 22, left + width + gap, top + 22, INK, 1.5)
        canvas.text(
            left + width + gap / 2, top + 16, words("no"), anchor="middle", size=13, fill=FAINT
        )
    left = 30 + (width + gap) * 3
    canvas.rect(left, top, WIDTH - left - 14, 44, "#ffffff", FAINT)
    said = words("cannot_judge")
    canvas.text((left + WIDTH - 14) / 2, top + 28, said, anchor="middle", fill=FAINT)
    canvas.text(30, 186, f"{words('cannot_judge')}: {words('with_reason')}", fill=FAINT, size=14)
    return canvas.svg()
