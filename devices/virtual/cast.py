"""The demo's cast: 24 made-up patients of two centres and four doctors, each with a habit.

No person stands behind any row. The habits cover what a centre meets: sessions kept, missed, too
easy, too hard, cut short; a band off at night, for days, or never worn; a patient whose figures
cannot be made. What befalls bands and boxes beside that stands in `mishaps`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from devices.virtual.mishaps import LENT, SHAKEN, WEEKS
from devices.virtual.wearer import Keeping, Wearer

K, M, E, H, S = (
    Keeping.KEPT,
    Keeping.MISSED,
    Keeping.TOO_EASY,
    Keeping.TOO_HARD,
    Keeping.CUT_SHORT,
)


Role = Literal[
    "family_doctor", "therapist", "instructor", "operator", "administrator", "payer", "auditor"
]


class Family(StrEnum):
    """The families of bands in the cast, by the names of the device registry."""

    STRAP = "hrs"
    MI = "miband_advert"
    POLAR = "polar_advert"
    RING = "colmi"
    BAND = "veepoo"


MEMORY_MIN = {Family.BAND: 1, Family.RING: 5}
"""Minutes between two heart rates that the band remembers; the others remember nothing."""


@dataclass(frozen=True)
class Band:
    """What somebody wears."""

    address: str
    family: Family
    clock_ahead_s: int = 0
    """How far the band's own clock is ahead of the true local time."""


@dataclass(frozen=True)
class Centre:
    """A community health centre and its box."""

    code: str
    name: str
    gateway: str


@dataclass(frozen=True)
class Staff:
    """A person of the staff; `place` is a centre, or one of the organisations beside them."""

    code: str
    name: str
    role: Role
    place: str


@dataclass(frozen=True, kw_only=True)
class Patient:
    """One patient with a prescription; `wearer` is None where there is no data at all."""

    code: str
    name: str
    doctor: str
    age: int | None
    sex: str
    beta_blocker: bool
    rest_hr: float | None
    """Measured by the clinic; None is estimated from the recording."""
    hr_max: float | None
    """Measured by a test; None is the formula by age."""
    zone: tuple[float, float]
    session_min: float
    sessions_per_week: int
    ceiling_bpm: float | None
    """Prescribed by the doctor; None is the programme's default."""
    band: Band
    mode: Literal["worn", "site"]
    """Worn all day, or in the centre only."""
    in_the_centre_now: bool
    """Whether this patient takes part in the live minute."""
    wearer: Wearer | None


DISTRICT = ("yangliu", "杨柳区")
"""Code and name of the district; made up, as everything here."""
PAYER = ("yibao", "杨柳区医疗保险中心")

CENTRES = (
    Centre("wenchang", "文昌街社区卫生服务中心", "hall-1"),
    Centre("beiyuan", "北苑社区卫生服务中心", "hall-1"),
)

DOCTORS = (
    Staff("d01", "周海燕", "family_doctor", "wenchang"),
    Staff("d02", "吴建国", "family_doctor", "wenchang"),
    Staff("d03", "欧阳静", "family_doctor", "beiyuan"),
    Staff("d04", "马𠮷庆", "family_doctor", "beiyuan"),
)

OTHERS = (
    Staff("i01", "许志刚", "instructor", "wenchang"),
    Staff("i02", "邓晓梅", "instructor", "beiyuan"),
    Staff("t01", "贺小䴖", "therapist", "wenchang"),
    Staff("t02", "龚雨", "therapist", "beiyuan"),
    Staff("y01", "曹正平", "payer", PAYER[0]),
    Staff("a01", "彭立新", "auditor", PAYER[0]),
    Staff("m01", "蒋文", "administrator", DISTRICT[0]),
    Staff("o01", "潘海", "operator", "wenchang"),
)
"""One instructor and one therapist in each centre, in the care team of all its patients."""

SESSION_MIN = {3: 40.0, 4: 30.0, 5: 30.0}
WEEKDAYS = {3: (0, 2, 4), 4: (0, 1, 3, 5), 5: (0, 1, 2, 3, 4)}

MOST_DAYS = frozenset(day for day in range(7 * WEEKS) if day % 7 not in {1, 5})
"""Worn on Tuesdays and Saturdays only."""


def cast() -> tuple[Patient, ...]:
    """Return the 24 patients; six to each doctor."""
    always: tuple[tuple[Keeping, ...], ...] = ((K,),)
    never: tuple[tuple[Keeping, ...], ...] = ((M,),)
    band, ring, mi, polar, strap = Family.BAND, Family.RING, Family.MI, Family.POLAR, Family.STRAP
    declining = ((K,), (K,), (K, K, M, M), (M, K, M, M), (M,))
    improving = ((M,), (M, K, M, K), (K, K, M, K), (K,), (K,))
    return (
        _patient(1, "王秀英", 67, "F", band, per_week=3, keeping=always, clock_ahead_s=7),
        _patient(2, "李志强", 58, "M", ring, per_week=5, keeping=always, night_off=True),
        _patient(3, "张𠮷祥", 71, "M", mi, per_week=3, keeping=always, few_steps=True),
        _patient(4, "刘桂兰", 63, "F", band, per_week=5, keeping=never, is_here=False),
        _patient(5, "陈国栋", 55, "M", polar, per_week=4, keeping=declining),
        _patient(
            *(6, "杨淑珍", 74, "F", band),
            per_week=3,
            keeping=always,
            night_off=True,
            rest_measured=False,
            clock_ahead_s=-12,
        ),
        _patient(7, "赵铁柱", 60, "M", band, per_week=5, keeping=((K, K, K, K, M),)),
        _patient(8, "黄玉梅", 66, "F", band, per_week=3, keeping=((E,),), rest_measured=False),
        _patient(9, "徐德明", 69, "M", strap, per_week=3, keeping=((H,),), ceiling_bpm=140),
        _patient(10, "孙丽华", 52, "F", ring, per_week=5, keeping=((S,),)),
        _patient(11, "胡永年", 70, "M", band, per_week=3, keeping=always, beta_blocker=True),
        _patient(12, "朱慧敏", 61, "F", polar, per_week=4, keeping=improving),
        _patient(
            *(13, "高玉宝", 65, "M", band),
            per_week=3,
            keeping=always,
            off_days=MOST_DAYS,
            night_off=True,
            is_here=False,
        ),
        _patient(
            *(14, "林素芬", 68, "F", band),
            per_week=3,
            keeping=((K, M, K), (K,), (K, M, K)),
            night_off=True,
        ),
        _patient(
            *(15, "何世昌", 57, "M", band),
            per_week=5,
            keeping=always,
            off_days=frozenset(range(14, 7 * WEEKS)),
            is_here=False,
        ),
        _patient(
            *(16, "郭彩霞", 59, "F", band),
            per_week=3,
            keeping=always,
            shaken_days=SHAKEN.days,
        ),
        _patient(
            *(17, "梁文斌", 72, "M", strap),
            per_week=3,
            keeping=always,
            beta_blocker=True,
            hr_max=128.0,
            ceiling_bpm=115,
        ),
        _patient(18, "罗㛃", 50, "F", mi, per_week=5, keeping=((K, E, K, K, E),)),
        _patient(
            *(19, "宋长河", 64, "M", band),
            per_week=4,
            keeping=never,
            night_off=True,
            off_days=LENT.days,
            clock_ahead_s=31,
            is_here=False,
        ),
        _patient(20, "唐雪芹", 62, "F", band, per_week=4, keeping=always, few_steps=True),
        _patient(21, "韩家声", None, "M", mi, per_week=3, keeping=always),
        _patient(
            *(22, "冯月娥", 73, "F", band),
            per_week=3,
            keeping=((K, K, M),),
            night_off=True,
            rest_measured=False,
            ceiling_bpm=130,
        ),
        _patient(23, "董光耀", 56, "M", ring, per_week=5, keeping=None, is_here=False),
        _patient(24, "叶䶮", 54, "F", mi, per_week=4, keeping=always),
    )


def _patient(  # noqa: PLR0913 - one row of the table above, every field by name
    number: int,
    name: str,
    age: int | None,
    sex: str,
    family: Family,
    *,
    per_week: int,
    keeping: tuple[tuple[Keeping, ...], ...] | None,
    beta_blocker: bool = False,
    rest_measured: bool = True,
    hr_max: float | None = None,
    ceiling_bpm: float | None = None,
    few_steps: bool = False,
    night_off: bool = False,
    off_days: frozenset[int] = frozenset(),
    shaken_days: frozenset[int] = frozenset(),
    clock_ahead_s: int = 0,
    is_here: bool = True,
) -> Patient:
    """Fill a row of the cast; what the clinic measured is what the wearer has."""
    rest = 60.0 + (number * 7) % 13
    session_min = SESSION_MIN[per_week]
    top = hr_max or ((164 if beta_blocker else 207) - 0.7 * (age or 60))
    return Patient(
        code=f"p{number:02d}",
        name=name,
        doctor=DOCTORS[(number - 1) // 6].code,
        age=age,
        sex=sex,
        beta_blocker=beta_blocker,
        rest_hr=rest if rest_measured else None,
        hr_max=hr_max,
        zone=(40.0, 60.0),
        session_min=session_min,
        sessions_per_week=per_week,
        ceiling_bpm=ceiling_bpm,
        band=Band(f"C0:FF:EE:00:00:{number:02X}", family, clock_ahead_s),
        mode="worn" if family in MEMORY_MIN else "site",
        in_the_centre_now=is_here,
        wearer=None
        if keeping is None
        else Wearer(
            rest_bpm=rest,
            hr_max_bpm=top,
            session_min=session_min,
            session_weekdays=WEEKDAYS[per_week],
            session_hour=9.5 if number % 2 else 17.0,
            zone_mid_pct=50.0,
            keeping=keeping,
            few_steps=few_steps,
            night_off=night_off,
            off_days=off_days,
            shaken_days=shaken_days,
        ),
    )
