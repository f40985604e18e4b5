"""The rules K1 to K6 for running totals, one reading at a time: slow, plain, and not the core's."""

import math

MINUTE, DAY = 60_000, 86_400_000


def can_walk(steps, span_ms, numbers):
    late_ms = numbers.told_late_s * 1000
    return steps * MINUTE <= numbers.fastest_cadence_spm * (span_ms + late_ms)


def increments(rows, numbers, *, utc_offset_ms, since_ms=-(2**62), bits=None):
    """Rows of one band, (ts, value), as (day, start, end, steps or None, verdict)."""
    by_time = {}
    for ts, value in rows:
        if value is not None and math.isfinite(value) and value >= 0:
            by_time[ts] = max(by_time.get(ts, 0), math.floor(value))
    days = {}
    for ts in sorted(by_time):
        days.setdefault((ts + utc_offset_ms) // DAY, []).append((ts, by_time[ts]))
    found = []
    for day, readings in days.items():
        midnight = day * DAY - utc_offset_ms
        left = overtaken(contradicted(readings, midnight, numbers), numbers)
        found += [(day, *row) for row in between(left, midnight, numbers, since_ms, bits)]
    return found


def contradicted(readings, midnight, numbers):
    runs = []
    for ts, value in readings:
        if runs and runs[-1][0] == value:
            runs[-1][1].append(ts)
        else:
            runs.append((value, [ts]))
    near = numbers.told_late_s * 1000
    left = []
    for place, (value, times) in enumerate(runs):
        keep = True
        if place + 1 < len(runs):
            after, after_times = runs[place + 1]
            if place:
                before, before_times = runs[place - 1]
                way = after_times[0] - before_times[-1]
                keep = not (
                    before <= after
                    and not before <= value <= after
                    and way <= near
                    and can_walk(after - before, way, numbers)
                )
            else:
                keep = not (
                    value > after
                    and after_times[0] - times[-1] <= near
                    and not can_walk(value, times[0] - midnight, numbers)
                    and can_walk(after, after_times[0] - midnight, numbers)
                )
        if keep:
            left += [(ts, value) for ts in times]
    return left


def overtaken(readings, numbers):
    reach = numbers.clock_tolerance_s * 1000
    return [
        (ts, value)
        for ts, value in readings
        if not any(ts - reach <= at <= ts and other > value for at, other in readings)
    ]


def between(readings, midnight, numbers, since_ms, bits):
    reach = numbers.clock_tolerance_s * 1000
    top = 2**numbers.wrapping_bits
    ways = []
    for place, (ts, value) in enumerate(readings):
        start, before = readings[place - 1] if place else (midnight, 0)
        if not place or value >= before:
            ways.append([start, ts, value - before, "counted"])
        elif (
            before < top
            and bits in (None, numbers.wrapping_bits)
            and ts - start <= numbers.longest_wrap_min * MINUTE
            and can_walk(value - before + top, ts - start, numbers)
        ):
            ways.append([start, ts, value - before + top, "wrapped"])
        else:
            ways.append([start, ts, value, "restarted"])
    restarts = [end for _start, end, _steps, verdict in ways if verdict == "restarted"]
    begins_late = any(
        verdict == "restarted" and start <= midnight + reach for start, _, _, verdict in ways
    )
    tomorrow = min((end for end in restarts if end >= midnight + DAY - reach), default=None)
    for place, way in enumerate(ways):
        start, end, steps, _verdict = way
        if tomorrow is not None and end >= tomorrow:
            way[2:] = None, "of_tomorrow"
        elif not place and (since_ms > midnight or begins_late):
            way[2:] = None, "unknown_start"
        elif not can_walk(steps, end - start, numbers):
            way[2:] = None, "too_fast"
    return [tuple(way) for way in ways]
