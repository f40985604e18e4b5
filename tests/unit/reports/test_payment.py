"""The scheme over one patient's month: what is payable, held, shown or nothing, and to the fen."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adherence.states import REASONS
from config.schemes import FLAGS, SCHEMES_DIR, load_scheme
from reports.payment.content import PatientMonth, Used, WeekBehind
from reports.payment.evaluate import evaluate
from reports.payment.inputs import mondays_of
from reports.payment.money import FEN, rounded, shares

SCHEME = load_scheme(SCHEMES_DIR / "base_performance_s1.toml", sign_off="DEMO")
MONTH = date(2026, 11, 1)
FIRST = mondays_of(MONTH)[0]
NOTHING = Used()


def week(number, state="met", reason=None, *, enrolment=1, formula=False, **flags):
    return WeekBehind(
        enrolment_id=enrolment,
        case_label=f"case {enrolment}",
        week=FIRST + timedelta(days=7 * number),
        prescription_id=enrolment,
        prescription_version=1,
        zone_by_formula_under_beta_blocker=formula,
        state=state,
        reason=reason,
        method_version="c1",
        input_sha256=bytes([number]) * 32,
        flags_min={flag: flags.get(flag, 0) for flag in FLAGS},
    )


def unseen(number, reason="not_enough_wear", **more):
    return week(number, "cannot_judge", reason, **more)


def person(*weeks):
    return PatientMonth(1, "p1", 1, "d1", 1, "c1", tuple(weeks))


def lines(*weeks, used=NOTHING, scheme=SCHEME):
    return evaluate(MONTH, person(*weeks), used, scheme)


def scheme_with(**figures):
    return SCHEME.model_copy(update=figures)


def test_a_month_of_the_policys_figures_worked_by_hand():
    base, performance = lines(*(week(n) for n in range(4)), week(4, "not_met"))

    assert (base.numerator, base.denominator, base.amount) == (5, 5, Decimal("120.00"))
    assert (performance.numerator, performance.denominator) == (4, 5)
    assert performance.amount == Decimal("41.67")
    assert (base.state, performance.state) == ("payable", "payable")
    assert base.shares == {
        "doctor": Decimal("36.00"),
        "therapist": Decimal("48.00"),
        "instructor": Decimal("36.00"),
    }
    # 30 % of 4,167 fen is 1,250.1, 40 % is 1,666.8: the fen left over goes to the therapist.
    assert performance.shares == {
        "doctor": Decimal("12.50"),
        "therapist": Decimal("16.67"),
        "instructor": Decimal("12.50"),
    }


@pytest.mark.parametrize(("met", "not_met", "pays"), [(4, 1, True), (3, 1, False), (2, 0, True)])
def test_the_month_passes_at_exactly_the_pass_mark(met, not_met, pays):
    weeks = [week(n, "met" if n < met else "not_met") for n in range(met + not_met)]

    performance = lines(*weeks)[1]

    assert (performance.state == "payable") is pays
    assert performance.reasons == (() if pays else ("rate_too_low",))


def test_a_week_that_cannot_be_judged_is_neither_met_nor_not_met_and_is_counted_by_reason():
    performance = lines(week(0), week(1), unseen(2), unseen(3, "paused"), unseen(4, "paused"))[1]

    assert (performance.numerator, performance.denominator) == (2, 2)
    assert performance.exclusions == {"not_enough_wear": 1, "paused": 2}
    assert performance.weeks == 5
    assert performance.state == "payable"


def test_a_scheme_may_count_unjudged_weeks_as_not_met_but_never_excused_ones():
    harsh = scheme_with(cannot_judge="counts_as_not_met")

    base, performance = lines(week(0), week(1), unseen(2), unseen(3, "paused"), scheme=harsh)

    assert (performance.numerator, performance.denominator) == (2, 3)
    assert performance.exclusions == {"paused": 1}
    assert performance.reasons == ("rate_too_low",)
    assert (base.numerator, base.state) == (2, "payable")


def test_one_good_week_among_weeks_nobody_saw_pays_nothing():
    base, performance = lines(week(0), unseen(1), unseen(2), unseen(3))

    assert {base.reasons, performance.reasons} == {("too_few_judged_weeks",)}
    assert {base.state, performance.state} == {"nothing"}
    assert set(base.shares.values()) == {Decimal("0.00")}


def test_a_person_without_a_week_still_has_a_line_of_each_item():
    base, performance = lines()

    assert [(x.item, x.state, x.reasons, x.amount) for x in (base, performance)] == [
        ("base", "nothing", ("no_prescription",), Decimal("0.00")),
        ("performance", "nothing", ("no_prescription",), Decimal("0.00")),
    ]


def test_the_seventh_service_of_a_year_is_cut_to_nothing():
    weeks = [week(n) for n in range(4)]

    sixth, seventh = (lines(*weeks, used=Used(services=n))[0] for n in (5, 6))

    assert (sixth.amount, sixth.cut) == (Decimal("120.00"), Decimal("0.00"))
    assert (seventh.amount, seventh.cut) == (Decimal("0.00"), Decimal("120.00"))
    assert (seventh.state, seventh.reasons) == ("nothing", ("limit_reached",))


def test_twelve_months_that_pass_come_to_the_yearly_limit_exactly():
    used, amounts = Decimal("0.00"), []
    for _month in range(12):
        line = lines(*(week(n) for n in range(4)), used=Used(0, used))[1]
        used += line.amount
        amounts.append(line.amount)

    assert used == Decimal("500.00")
    assert amounts[-1] == Decimal("41.63")


def test_a_beta_blocker_without_a_measured_maximum_is_shown_and_not_paid():
    base, performance = lines(week(0, formula=True), week(1), week(2))

    assert (base.state, performance.state) == ("payable", "shown_not_paid")
    assert performance.reasons == ("beta_blocker_without_measured_max",)
    assert performance.amount == Decimal("41.67")
    assert performance.payable == Decimal("0.00")


def test_a_zone_by_formula_that_judged_no_week_bars_nothing():
    _base, performance = lines(unseen(0, formula=True), week(1), week(2))

    assert performance.state == "payable"


def test_a_scheme_nobody_has_signed_pays_nothing_and_shows_all():
    unsigned = load_scheme(SCHEMES_DIR / "base_performance_s1.toml")

    base, performance = lines(week(0), week(1), scheme=unsigned)

    assert [(x.state, x.reasons) for x in (base, performance)] == [
        ("shown_not_paid", ("no_sign_off",))
    ] * 2
    assert base.amount == Decimal("120.00")
    assert base.signed_by is None


@pytest.mark.parametrize("flag", FLAGS)
def test_a_signal_flag_holds_a_line_and_takes_nothing_from_it(flag):
    limit = SCHEME.hold_from_min[flag]

    below, at = (lines(week(0, **{flag: n}), week(1))[1] for n in (limit - 1, limit))

    assert (below.state, below.flags) == ("payable", {})
    assert (at.state, at.reasons, at.flags) == ("on_hold", (flag,), {flag: limit})
    assert at.amount == below.amount


def test_flags_of_a_week_that_is_not_judged_hold_nothing():
    assert lines(week(0), week(1), unseen(2, shake=100))[1].state == "payable"


@pytest.mark.parametrize(
    ("first", "second", "counted"),
    [
        (week(0), week(0, "not_met", enrolment=2), (0, 1)),
        (week(0), unseen(0, enrolment=2), (0, 0)),
        (week(0), unseen(0, "paused", enrolment=2), (1, 1)),
        (week(0), week(0, enrolment=2), (1, 1)),
    ],
)
def test_a_week_of_a_person_in_two_programmes_counts_once_by_its_lowest_state(
    first, second, counted
):
    line = lines(first, second, scheme=scheme_with(performance_least_judged_weeks=0))[1]

    assert (line.numerator, line.denominator) == counted
    assert line.weeks == 1
    assert len(line.behind) == 2


def test_amounts_are_rounded_half_up_once():
    half = scheme_with(region_factor=Decimal("0.5"), performance_month_price_yuan=Decimal("41.67"))

    line = lines(week(0), week(1), scheme=half)[1]

    assert line.amount == Decimal("20.84")  # 20.835
    assert rounded(Decimal("0.005")) == Decimal("0.01")


@pytest.mark.parametrize(
    ("fen", "expected"), [(1, (0, 1, 0)), (2, (1, 1, 0)), (5, (2, 2, 1)), (15, (5, 6, 4))]
)
def test_ties_of_the_largest_remainder_go_to_the_role_named_first(fen, expected):
    split = shares(fen * FEN, SCHEME.split_pct)

    assert tuple(int(part / FEN) for part in split.values()) == expected


@given(fen=st.integers(0, 10**9), cuts=st.lists(st.integers(0, 100), min_size=2, max_size=5))
def test_shares_add_up_to_the_fen_and_each_is_within_one_of_its_percentage(fen, cuts):
    edges = [0, *sorted(cuts), 100]
    split = {f"r{n}": high - low for n, (low, high) in enumerate(pairwise(edges))}

    parts = shares(fen * FEN, split)

    assert sum(parts.values()) == fen * FEN
    for role, pct in split.items():
        assert abs(parts[role] / FEN - Decimal(fen * pct) / 100) < 1


any_weeks = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from([1, 2]),
        st.sampled_from(["met", "met", "not_met", *REASONS]),
        st.booleans(),
        st.sampled_from([0, 0, 19, 20, 400]),
    ),
    unique_by=lambda w: w[:2],
).map(
    lambda rows: [
        week(
            n,
            state if state in {"met", "not_met"} else "cannot_judge",
            None if state in {"met", "not_met"} else state,
            enrolment=enrolment,
            formula=formula,
            shake=shake,
        )
        for n, enrolment, state, formula, shake in rows
    ]
)
any_used = st.builds(Used, st.integers(0, 8), st.integers(0, 60_000).map(lambda fen: fen * FEN))


@settings(max_examples=200)
@given(weeks=any_weeks, used=any_used, factor=st.integers(0, 30_000), data=st.data())
def test_whatever_the_weeks_the_line_adds_up_and_keeps_its_limit(weeks, used, factor, data):
    scheme = scheme_with(region_factor=Decimal(factor) / 10_000)

    found = lines(*weeks, used=used, scheme=scheme)
    shuffled = lines(*data.draw(st.permutations(weeks)), used=used, scheme=scheme)

    assert found == shuffled
    assert [line.behind for line in found] == [line.behind for line in shuffled]
    for line in found:
        assert sum(line.shares.values()) == line.amount == line.amount.quantize(FEN)
        assert line.amount + line.cut == rounded(line.quantity * line.unit_price * line.factor)
        assert 0 <= line.numerator <= line.denominator <= line.weeks <= 5
        assert (line.state == "nothing") == (line.amount == 0)
        assert (line.state == "payable") == (not line.reasons)
        assert line.denominator + sum(line.exclusions.values()) >= line.weeks
    base, performance = found
    assert performance.amount <= max(Decimal("500.00") - used.performance_yuan, Decimal(0))
    assert base.amount == 0 or used.services < 6
    assert performance.denominator + sum(performance.exclusions.values()) == performance.weeks


@given(weeks=any_weeks, used=any_used)
def test_a_changed_input_changes_the_hash_and_the_same_input_does_not(weeks, used):
    found = lines(*weeks, used=used)

    assert [x.input_sha256 for x in found] == [x.input_sha256 for x in lines(*weeks, used=used)]
    for place, one in enumerate(weeks):
        other = [*weeks[:place], replace(one, input_sha256=bytes(32 * [99])), *weeks[place + 1 :]]
        assert {x.input_sha256 for x in lines(*other, used=used)}.isdisjoint(
            {x.input_sha256 for x in found}
        )


@pytest.mark.parametrize(
    ("month", "first", "last"),
    [
        (date(2026, 11, 1), date(2026, 10, 26), date(2026, 11, 23)),
        (date(2026, 10, 1), date(2026, 9, 28), date(2026, 10, 19)),
        (date(2026, 2, 1), date(2026, 1, 26), date(2026, 2, 16)),
        (date(2027, 1, 1), date(2026, 12, 28), date(2027, 1, 25)),
    ],
)
def test_a_week_belongs_to_the_month_of_its_sunday(month, first, last):
    assert mondays_of(month) == (first, last)
