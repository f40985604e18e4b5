"""Write docs/reference/devices.md from the families' own words, so that no family lacks an entry.

What a family gives is read from its vectors, so it cannot say more than they hold it to.

`python -m scripts.devices_page` writes it; a test holds it to the code.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import devices
from devices import battery
from devices.family import Family
from devices.registry import load_families
from devices.talk import TalkTerms
from devices.value import (
    BATTERY_PCT,
    HEART_RATE_BPM,
    QUANTITIES,
    STEPS_COUNTER,
    STEPS_INCREMENT,
)
from devices.vibration import IMMEDIATE_ALERT

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "devices.md"
LONGEST_HOLD_S = 60
"""A heart rate stands for a minute at most (convention C5)."""

HEAD = """\
# Bands

Written from the code by `python -m scripts.devices_page`: do not edit by hand.

A family is all bands that speak alike.
Its key is what `adhere decode --family` takes, and the register of devices.
No vendor's cloud and no account is used by any of them.
How to add one: [add a device](../howto/add-a-device.md).

**Tested on hardware: none yet.**
Every layout below was read in specifications, public code and recorded frames.
Tests hold the decoders to those frames.
Before a model is bought, wear one beside a chest strap, take it off,
and go through [the acceptance list](radio-acceptance.md).

A payable bout wants a heart rate at least once a minute: a longer hole in it is no data.
Blood pressure, blood oxygen, glucose and stress of such bands are no measurements: not read.

On an alarm the gateway makes the band vibrate, where a public source says how:
once a minute at most.
Any linked band that offers the Immediate Alert Service (0x1802) is made to; a `yes` below is as
sure as the source named in the entry.
How each known trap is met: [traps](../why/device-traps.md).
"""

CHECKS = """
## Acceptance on hardware

For every model, before the first patient wears one.
Beside it goes [the list for adapters and hall](radio-acceptance.md).
"""

NOT_READ = """
## Not read

| bands | why |
|---|---|
| Xiaomi Smart Band 8 to 10, Zepp OS | They want a key out of the maker's cloud. |
| all data of Huawei and Garmin | As above; their heart-rate broadcast is heard as `hrs`. |
| Lefun, HPlus, VeryFit, FitCloud, LuckRing | No recorded frames to hold a decoder to. |
"""


def page() -> str:
    """Return the page: one table over all, and an entry for each family."""
    families = load_families().values()
    lines = [HEAD, "| family | heart rate every | builds bouts | vibrates | links |"]
    lines.append("|---|---|---|---|---|")
    lines += [
        f"| [`{f.key}`](#{f.key}) | {_interval(f)} | {_bouts(f)} | {_can_vibrate(f)} | {f.links} |"
        for f in families
    ]
    for family in families:
        lines += ["", *_entry(family)]
    lines.append(CHECKS.rstrip("\n"))
    for family in families:
        if family.talk is not None or family.advert is not None:
            lines += ["", f"### Checks of `{family.key}`", "", *_checks(family)]
    return "\n".join(lines) + "\n" + NOT_READ


def _entry(family: Family) -> Iterator[str]:
    yield from (f"## `{family.key}`", "", f"{family.title}.", "", "| | |", "|---|---|")
    rows = {
        "`payable_interval_s`": _interval(family),
        "builds bouts": _bouts(family),
        "gives": ", ".join(f"`{quantity}`" for quantity in _gives(family)) or "no reading",
        "found by": _found_by(family),
        "authentication": family.authentication,
        "history": family.history,
        "cost in links": family.links,
        "vibrates": _vibrates(family),
        "evidence": f"{family.evidence}; [vectors](../../devices/{family.key}.vectors.toml)",
        "tested on hardware": "not yet",
    }
    if family.limits:
        rows["mind"] = family.limits
    yield from (f"| {name} | {words} |" for name, words in rows.items())


def _interval(family: Family) -> str:
    if family.payable_interval_s is None:
        return "no heart rate"
    return f"{family.payable_interval_s:g} s"


def _bouts(family: Family) -> str:
    interval_s = family.payable_interval_s
    return "yes" if interval_s is not None and interval_s <= LONGEST_HOLD_S else "no"


def _found_by(family: Family) -> str:
    found = []
    if family.advert is not None and family.advert.company_id is not None:
        found.append(f"adverts of company 0x{family.advert.company_id:04X}")
    if family.advert is not None and family.advert.service_data_uuid is not None:
        found.append(f"service data of `{family.advert.service_data_uuid}`")
    if family.service_uuid is not None:
        found.append(f"service `{family.service_uuid}`")
    if not found and family.talk is not None:
        return "nothing in its adverts: its key in the register of devices"
    return ", ".join(found) or "the family it belongs to"


def _gives(family: Family) -> list[str]:
    """Return what its vectors give, and its charge where its talk hears that."""
    vectors = Path(devices.__file__).parent / f"{family.key}.vectors.toml"
    given = {
        row[0]
        for vector in tomllib.loads(vectors.read_text("utf-8"))["vector"]
        for row in vector.get("expect", ())
    }
    if family.talk is not None:
        talk = family.talk(TalkTerms(0))
        given |= {BATTERY_PCT} if battery.LEVEL in (*talk.notify, *talk.reads) else set()
    return [quantity for quantity in QUANTITIES if quantity in given]


def _can_vibrate(family: Family) -> str:
    if family.vibration is None:
        return "no"
    if family.vibration is IMMEDIATE_ALERT:
        return "if offered"
    return "its light" if family.vibration.is_light else "yes"


def _vibrates(family: Family) -> str:
    if family.vibration is not None:
        return family.vibration.says
    if family.talk is None:
        return "no"
    return "no public source says how; where it offers the Immediate Alert Service, by that"


def _checks(family: Family) -> Iterator[str]:
    """Yield what is to be tried with each model of a family: only what it can do."""
    gives = _gives(family)
    if HEART_RATE_BPM in gives:
        yield "- [ ] Beside a chest strap, 10 min rest and 20 min exercise: 5 bpm apart at most."
        yield (
            f"- [ ] Its pulse comes every {_interval(family)}: 50 of 60 in each corner of the hall."
            if _bouts(family) == "yes"
            else "- [ ] Its pulse comes as seldom as is said above: no bout is built of it."
        )
        yield (
            "- [ ] Taken off and laid down: within a minute no pulse, no contact or doubt "
            "(ten minutes at most); a band that goes on with a resting pulse is not used."
        )
    if {STEPS_COUNTER, STEPS_INCREMENT} & set(gives):
        yield "- [ ] 500 steps counted by a second person: within 5 % in the district."
        yield "- [ ] Worn over midnight, and past 65,536 steps if it can be: none twice, none lost."
    if family.has_memory:
        yield "- [ ] Away for 24 h, then 20 min in reach: read without a hole, each value once."
        yield (
            "- [ ] Its clock set 3 h ahead by the maker's app, worn 30 min, then met: "
            "`clocks_wrong` grows, the values are `clock_suspect` and not hours away, "
            "the clock is right after."
        )
        yield "- [ ] Its battery run flat, charged, worn, met: nothing is placed in another year."
    if family.vibration is not None:
        yield "- [ ] A low ceiling, exceeded: the wrist notices within 15 s of the page's alarm."
    if family.talk is not None:
        yield "- [ ] Vendor's app beside it: one listener at a time, and the gateway comes back."
    yield "- [ ] A week on the wrist: its address stays, or its identity key is in the roster."


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
