"""The demo's cast: 24 made-up patients of two centres and four doctors, each with a habit.

No person stands behind any row. The habits cover what a centre meets: sessions kept, missed, too
easy, too hard, cut short; a band off at night, for days, or never worn; a patient whose figures
cannot be made.
"""

from dataclasses import dataclass

from devices.virtual.wearer import Keeping, Wearer

K, M, E, H, S = (
    Keeping.KEPT,
    Keeping.MISSED,
    Keeping.TOO_EASY,
    Keeping.TOO_HARD,
    Keeping.CUT_SHORT,
)

WEEKS = 5


@dataclass(frozen=True)
class Centre:
    """A community health centre."""

    code: str
    name: str


@dataclass(frozen=True)
class Doctor:
    """A family doctor of one centre."""

    code: str
    name: str
    centre: str


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
    wearer: Wearer | None


CENTRES = (
    Centre("wenchang", "文昌街社区卫生服务中心"),
    Centre("beiyuan", "北苑社区卫生服务中心"),
)

DOCTORS = (
    Doctor("d01", "周海燕", "wenchang"),
    Doctor("d02", "吴建国", "wenchang"),
    Doctor("d03", "欧阳静", "beiyuan"),
    Doctor("d04", "马𠮷庆", "beiyuan"),
)

SESSION_MIN = {3: 40.0, 4: 30.0, 5: 30.0}
WEEKDAYS = {3: (0, 2, 4), 4: (0, 1, 3, 5), 5: (0, 1, 2, 3, 4)}

MOST_DAYS = frozenset(day for day in range(7 * WEEKS) if day % 7 not in {1, 5})
"""Worn on Tuesdays and Saturdays only."""


def cast() -> tuple[Patient, ...]:
    """Return the 24 patients; six to each doctor."""
    always: tuple[tuple[Keeping, ...], ...] = ((K,),)
    never: tuple[tuple[Keeping, ...], ...] = ((M,),)
    return (
        _patient(1, "王秀英", 67, "F", per_week=3, keeping=always),
        _patient(2, "李志强", 58, "M", per_week=5, keeping=always, night_off=True),
        _patient(3, "张𠮷祥", 71, "M", per_week=3, keeping=always, few_steps=True),
        _patient(4, "刘桂兰", 63, "F", per_week=5, keeping=never),
        _patient(
            5, "陈国栋", 55, "M", per_week=4, keeping=((K,), (K,), (K, K, M, M), (M, K, M, M), (M,))
        ),
        _patient(
            6, "杨淑珍", 74, "F", per_week=3, keeping=always, night_off=True, rest_measured=False
        ),
        _patient(7, "赵铁柱", 60, "M", per_week=5, keeping=((K, K, K, K, M),), night_off=True),
        _patient(8, "黄玉梅", 66, "F", per_week=3, keeping=((E,),), rest_measured=False),
        _patient(9, "徐德明", 69, "M", per_week=3, keeping=((H,),), night_off=True),
        _patient(10, "孙丽华", 52, "F", per_week=5, keeping=((S,),)),
        _patient(11, "胡永年", 70, "M", per_week=3, keeping=always, beta_blocker=True, hr_max=None),
        _patient(
            12,
            "朱慧敏",
            61,
            "F",
            per_week=4,
            keeping=((M,), (M, K, M, K), (K, K, M, K), (K,), (K,)),
        ),
        _patient(
            13, "高玉宝", 65, "M", per_week=3, keeping=always, off_days=MOST_DAYS, night_off=True
        ),
        _patient(
            14, "林素芬", 68, "F", per_week=3, keeping=((K, M, K), (K,), (K, M, K)), night_off=True
        ),
        _patient(
            15, "何世昌", 57, "M", per_week=5, keeping=always, off_days=frozenset(range(14, 35))
        ),
        _patient(16, "郭彩霞", 59, "F", per_week=3, keeping=always),
        _patient(
            17, "梁文斌", 72, "M", per_week=3, keeping=always, beta_blocker=True, hr_max=128.0
        ),
        _patient(18, "罗㛃", 50, "F", per_week=5, keeping=((K, E, K, K, E),), night_off=True),
        _patient(19, "宋长河", 64, "M", per_week=4, keeping=never, night_off=True),
        _patient(20, "唐雪芹", 62, "F", per_week=4, keeping=always, few_steps=True),
        _patient(21, "韩家声", None, "M", per_week=3, keeping=always, night_off=True),
        _patient(
            22,
            "冯月娥",
            73,
            "F",
            per_week=3,
            keeping=((K, K, M),),
            night_off=True,
            rest_measured=False,
        ),
        _patient(23, "董光耀", 56, "M", per_week=5, keeping=None),
        _patient(
            24,
            "叶䶮",
            54,
            "F",
            per_week=4,
            keeping=always,
            off_days=frozenset({9, 10, 23}),
            rest_measured=False,
        ),
    )


def _patient(  # noqa: PLR0913 - one row of the table above, every field by name
    number: int,
    name: str,
    age: int | None,
    sex: str,
    *,
    per_week: int,
    keeping: tuple[tuple[Keeping, ...], ...] | None,
    beta_blocker: bool = False,
    rest_measured: bool = True,
    hr_max: float | None = None,
    few_steps: bool = False,
    night_off: bool = False,
    off_days: frozenset[int] = frozenset(),
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
        wearer=None
        if keeping is None
        else Wearer(
            rest_bpm=rest,
            hr_max_bpm=top,
            session_min=session_min,
            session_weekdays=WEEKDAYS[per_week],
            session_hour=7.5 if number % 2 else 18.5,
            zone_mid_pct=50.0,
            keeping=keeping,
            few_steps=few_steps,
            night_off=night_off,
            off_days=off_days,
        ),
    )
