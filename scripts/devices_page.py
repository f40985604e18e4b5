"""Write docs/reference/devices.md from the families' own words, so that no family lacks an entry.

`python -m scripts.devices_page` writes it; a test holds it to the code.
"""

from collections.abc import Iterator
from pathlib import Path

from devices.family import Family
from devices.registry import load_families

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
    lines = [HEAD, "| family | heart rate every | builds bouts | links |", "|---|---|---|---|"]
    lines += [
        f"| [`{f.key}`](#{f.key}) | {_interval(f)} | {_bouts(f)} | {f.links} |" for f in families
    ]
    for family in families:
        lines += ["", *_entry(family)]
    return "\n".join(lines) + "\n" + NOT_READ


def _entry(family: Family) -> Iterator[str]:
    yield from (f"## `{family.key}`", "", f"{family.title}.", "", "| | |", "|---|---|")
    rows = {
        "`payable_interval_s`": _interval(family),
        "builds bouts": _bouts(family),
        "found by": _found_by(family),
        "authentication": family.authentication,
        "history": family.history,
        "cost in links": family.links,
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


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
