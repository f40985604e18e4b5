"""This pulse is mine: from the press on the page to protection, and every way a claim ends."""

import asyncio
import json
import re
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.fields import Broker
from config.gateway_settings import GatewaySettings
from ingest.batch.claim import Claim, Offer
from ingest.batch.claim_code import code_hash
from ingest.batch.keys import make_keys
from ingest.batch.reading import Flag
from ingest.batch.receipt import Receipt
from ingest.batch.roster import Claimer, Limits, Roster, seal_roster
from ingest.gateway.claims import CLAIMS_FILE, claimed_in
from ingest.gateway.guessing import FREE, HALL_FREE, HALL_MS, LONGEST_WAIT_MS
from ingest.gateway.neighbour import Neighbour
from ingest.gateway.onsite import Asked, SeeOther
from ingest.gateway.onsite_desk import Desk
from ingest.gateway.safety import Edge
from tests.edges import DAY_MS, NOON_UTC_MS, Clocks, live, worn

HUB, BOX = make_keys(), make_keys()
WATCH = Neighbour("5A:01:02:03:04:05", ("hrs",), "Watch 7", -50)
OTHER = Neighbour("6B:01:02:03:04:06", ("hrs",), "", -80)
RING = Neighbour("C0:FF:EE:00:00:09", ("colmi",), "R02", -60)
SALT = bytes(16)
CODES = {code: code_hash(code, SALT) for code in ("1234", "9876")}
LIMITS = (Limits(0, 150.0, 100.0, 130.0), Limits(NOON_UTC_MS + 3_600_000, 120.0, 90.0, 110.0))
PEOPLE = (
    Claimer("p-1", SALT, CODES["1234"], LIMITS),
    Claimer("p-2", SALT, CODES["9876"], (Limits(0, 140.0, None, None),)),
)
MINUTE = 60_000
SILENT_MS = 15 * MINUTE


def made_roster(*bands, version=1, people=PEOPLE):
    issued = NOON_UTC_MS - DAY_MS
    whole = Roster(
        "centre", "hall-1", version, issued, issued + 14 * DAY_MS, bands, claimers=people
    )
    return seal_roster(whole, HUB.signing, [BOX.encryption.public_key()])


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def opened(tmp_path, clocks):
    settings = GatewaySettings(
        centre="centre",
        gateway="hall-1",
        data_dir=tmp_path,
        broker=Broker(host="127.0.0.1", port=1),
    )
    edges = []

    def open_edge():
        edges.append(Edge(settings, BOX, HUB.signing.public_key(), time=clocks.edge_time()))
        edges[-1].neighbours = lambda: [RING, OTHER, WATCH]
        return edges[-1]

    yield open_edge
    for edge in edges:
        edge.events.close()


@pytest.fixture
def edge(opened):
    edge = opened()
    edge.book.take(made_roster())
    return edge


@pytest.fixture
def desk(edge):
    return Desk(edge.sight, edge.claims, edge.book, edge.time, "en")


def said(edge):
    """What waits for the district: who, which band, why it is over."""
    told = [held.event for held in edge.events.due(30)]
    return [(one.subject, one.device_key, one.why_ended) for one in told if isinstance(one, Claim)]


def begin(edge, person=PEOPLE[0], band=WATCH):
    edge.claims.begin(band, person)


def ask(desk, path, **form):
    return asyncio.run(desk.answer(Asked(path, form or None)))


def words(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.html.partition("<body")[2]))


# --- what a claim does ------------------------------------------------------------------------


def test_a_claimed_band_is_registered_and_protects_from_its_first_reading(edge, clocks):
    assert edge.registered() == {}

    begin(edge)

    assert edge.registered() == {WATCH.address: "hrs"}
    for _ in range(40):
        clocks.pass_ms(1_000)
        edge.heard([live(clocks, 151, WATCH.address)])
    [alarm] = edge.guard.alarms
    assert (alarm.subject, alarm.ceiling_bpm) == ("p-1", 150.0)
    assert WATCH not in edge.sight().neighbours


def test_without_a_claim_nothing_of_the_band_is_judged(edge, clocks):
    edge.heard([live(clocks, 151, WATCH.address)])

    assert edge.guard.count == {"nobody": 1}
    assert said(edge) == []


def test_limits_change_with_the_prescription_while_a_claim_goes_on(edge, clocks):
    begin(edge)

    assert edge.band(WATCH.address, clocks.wall_utc_ms).ceiling_bpm == 150
    assert edge.band(WATCH.address, clocks.wall_utc_ms + 3_600_000).ceiling_bpm == 120


def test_a_wall_clock_that_is_set_back_takes_nobodys_protection_away(edge, clocks):
    begin(edge)
    clocks.wall_utc_ms -= 3 * MINUTE

    assert edge.band(WATCH.address, clocks.wall_utc_ms).subject == "p-1"


@pytest.mark.parametrize(("is_sure", "latest_h"), [(True, 4), (False, 24)])
def test_what_the_district_is_told_says_who_where_and_until_when_at_most(
    edge, clocks, is_sure, latest_h
):
    if is_sure:
        edge.time.hub_answered(clocks.wall_utc_ms, clocks.mono_ms)
    begin(edge)

    [held] = edge.events.due(30)
    claim = held.event
    assert (claim.subject, claim.device_key, claim.family) == ("p-1", WATCH.address, "hrs")
    assert (claim.began_utc_ms, claim.ended_utc_ms) == (NOON_UTC_MS, None)
    # Noon UTC is eight in Shanghai; who does not know the time does not know midnight.
    assert claim.latest_utc_ms == NOON_UTC_MS + latest_h * 3_600_000
    assert claim.is_sure == is_sure
    assert (claim.centre, claim.gateway, claim.number) == ("centre", "hall-1", 0)


@pytest.mark.parametrize(
    ("ahead_ms", "began_ms", "ended_ms"),
    [(0, 0, 0), (90_000, -90_000, 0), (-90_000, 0, 90_000), (121_000, 0, 0), (-121_000, 0, 0)],
)
def test_a_claim_reaches_as_far_as_a_wall_clock_that_is_nearly_right(
    edge, clocks, ahead_ms, began_ms, ended_ms
):
    """The hub's clock is ahead of the box's, by which the readings are stamped."""
    hub_ms = clocks.wall_utc_ms + ahead_ms
    edge.time.hub_answered(hub_ms, clocks.mono_ms)
    begin(edge)
    [one] = edge.claims.standing.values()
    edge.claims.finish(one.claim)

    began, ended = (held.event for held in edge.events.due(30))
    assert began.is_sure
    assert began.began_utc_ms - hub_ms == began_ms
    assert ended.ended_utc_ms - hub_ms == ended_ms


def test_the_same_claim_again_says_nothing_new(edge):
    begin(edge)
    begin(edge)

    assert len(said(edge)) == 1


# --- how it ends ------------------------------------------------------------------------------


def test_the_press_of_finished_ends_it_once(edge):
    begin(edge)
    [one] = edge.claims.standing.values()

    assert edge.claims.finish(one.claim)
    assert not edge.claims.finish(one.claim)

    assert edge.registered() == {}
    assert said(edge)[1:] == [("p-1", WATCH.address, "finished")]


def test_silence_ends_it_with_its_last_reading(edge, clocks):
    begin(edge)
    clocks.pass_ms(MINUTE)
    edge.heard([live(clocks, 90, WATCH.address)])
    heard_ms = clocks.wall_utc_ms
    clocks.pass_ms(SILENT_MS)
    edge.look()
    assert edge.claims.standing

    clocks.pass_ms(1)
    edge.look()

    ended = edge.events.due(30)[-1].event
    assert (ended.why_ended, ended.ended_utc_ms) == ("silent", heard_ms + 1_000)


def test_a_watch_on_the_table_is_silent_though_it_sends(edge, clocks):
    begin(edge)
    for _ in range(16):
        clocks.pass_ms(MINUTE)
        edge.heard([live(clocks, 90, WATCH.address, flags=Flag.CONTACT_KNOWN)])
        edge.look()

    assert said(edge)[-1] == ("p-1", WATCH.address, "silent")


def test_midnight_of_the_place_ends_it(edge, clocks):
    edge.time.hub_answered(clocks.wall_utc_ms, clocks.mono_ms)
    begin(edge)
    for _ in range(4 * 60):
        clocks.pass_ms(MINUTE)
        edge.heard([live(clocks, 90, WATCH.address)])
        edge.look()

    ended = edge.events.due(30)[-1].event
    assert (ended.why_ended, ended.ended_utc_ms) == ("midnight", ended.latest_utc_ms)


def test_somebody_elses_claim_ends_it_and_theirs_holds(edge, clocks):
    begin(edge)
    begin(edge, PEOPLE[1])

    assert edge.band(WATCH.address, clocks.wall_utc_ms).subject == "p-2"
    assert said(edge)[1:] == [
        ("p-1", WATCH.address, "another_wearer"),
        ("p-2", WATCH.address, None),
    ]


def test_the_same_persons_next_band_ends_it(edge):
    begin(edge)
    begin(edge, band=OTHER)

    assert edge.registered() == {OTHER.address: "hrs"}
    assert said(edge)[1] == ("p-1", WATCH.address, "another_band")


@pytest.mark.parametrize(
    "changed",
    [{"people": PEOPLE[1:]}, {"bands": (worn(WATCH.address, "p-3"),)}],
    ids=["code withdrawn", "given to somebody"],
)
def test_the_district_says_otherwise(edge, clocks, changed):
    begin(edge)
    edge.book.take(
        made_roster(*changed.get("bands", ()), version=2, people=changed.get("people", PEOPLE))
    )
    if "bands" in changed:
        assert edge.band(WATCH.address, clocks.wall_utc_ms).subject == "p-3"

    edge.look()

    assert not edge.claims.standing
    assert said(edge)[-1] == ("p-1", WATCH.address, "roster")


def test_a_claim_that_the_district_refuses_holds_no_longer_and_the_page_says_so(edge):
    begin(edge)

    edge.take_receipt(
        Receipt(
            "centre", "hall-1", edge.events.boot, NOON_UTC_MS, (),
            refused_events=((0, "claim_of_registered_band"),),
        )
    )  # fmt: skip

    assert edge.registered() == {}
    assert edge.sight().refused == [(edge.time.mono_ms(), "p-1")]
    assert edge.status()["claims_refused"] == 1


# --- over a restart ---------------------------------------------------------------------------


def test_claims_stand_after_a_start_and_end_in_silence_from_then(opened, edge, clocks):
    begin(edge)
    edge.claims.save()

    again = opened()

    assert again.registered() == {WATCH.address: "hrs"}
    again.book.take(made_roster())
    assert again.band(WATCH.address, clocks.wall_utc_ms).ceiling_bpm == 150
    clocks.pass_ms(SILENT_MS + 1)
    again.look()
    assert again.registered() == {}


def test_a_claim_that_goes_on_is_saved_every_minute_and_covers_what_was_heard(opened, edge, clocks):
    begin(edge)
    edge.claims.save()
    for _ in range(40 * 60):
        clocks.pass_ms(1_000)
        edge.heard([live(clocks, 90, WATCH.address)])
        edge.look()
        if not edge.claims.is_saved:
            edge.claims.save()
    heard_ms = clocks.wall_utc_ms
    clocks.pass_ms(30_000)

    again = opened()
    again.book.take(made_roster())
    clocks.pass_ms(SILENT_MS + 1)
    again.look()

    ended = again.events.due(30)[-1].event
    assert ended.why_ended == "silent"
    assert heard_ms < ended.ended_utc_ms <= heard_ms + 61_000


@pytest.mark.parametrize(
    "damage", [b"", b"[", b"{}", b'[{"claim": 1}]', b"[1]", b"\xff", b'[{"claim": "zz"}]']
)
def test_a_damaged_file_is_no_claims_and_stops_nothing(opened, tmp_path, damage):
    (tmp_path / CLAIMS_FILE).write_bytes(damage)

    assert opened().registered() == {}


def test_the_file_names_the_bands_that_a_start_would_find_claimed(edge, tmp_path, clocks):
    path = tmp_path / CLAIMS_FILE
    assert claimed_in(path, clocks.wall_utc_ms) == frozenset(), "no file, no claims"
    begin(edge)
    edge.claims.save()
    ends_ms = edge.claims.standing[WATCH.address].latest_utc_ms

    assert claimed_in(path, clocks.wall_utc_ms) == {WATCH.address}
    assert claimed_in(path, ends_ms - 1) == {WATCH.address}
    assert claimed_in(path, ends_ms) == frozenset(), "midnight is over"


@pytest.mark.parametrize("damage", [b"", b"[", b'[{"claim": 1}]', b"[1]", b"7", b"\xff"])
def test_who_asks_for_the_claims_of_a_damaged_file_is_told(tmp_path, damage):
    (tmp_path / CLAIMS_FILE).write_bytes(damage)

    with pytest.raises(ValueError):  # noqa: PT011 - of JSON, of text, or ours
        claimed_in(tmp_path / CLAIMS_FILE, NOON_UTC_MS)


def test_the_file_is_the_owners_alone_and_holds_no_code(edge, tmp_path):
    begin(edge)
    edge.claims.save()

    path = tmp_path / CLAIMS_FILE
    assert path.stat().st_mode & 0o077 == 0
    assert set(json.loads(path.read_text())[0]) == {
        "claim", "device_key", "family", "subject", "began_utc_ms", "latest_utc_ms", "is_sure",
        "heard_utc_ms", "heard_mono_ms", "ahead_ms", "machine", "is_fixed", "is_heard_fixed",
        "ended_utc_ms", "why_ended",
    }  # fmt: skip


# --- at the page ------------------------------------------------------------------------------


def test_the_strongest_broadcast_stands_first_and_no_pulse_stands_there(desk, edge, clocks):
    edge.heard([live(clocks, 177, WATCH.address)])

    text = words(ask(desk, "/claim"))

    assert text.index("Watch 7 04:05 ▂▄▆ very near (-50 dBm)") < text.index("04:06 ▂ further away")
    assert "R02" not in text
    assert "177" not in text


def typed(desk, code, who="p-1", band=WATCH.address):
    """Press the digits one by one, as the page asks for them; return the last answer."""
    answer = ask(desk, "/claim", band=band, who=who)
    so_far = ""
    for digit in code:
        answer = ask(desk, "/claim", band=band, who=who, typed=so_far, digit=digit)
        so_far += digit
    return answer


def test_band_person_and_code_make_a_claim(desk, edge):
    assert "Band Watch 7 04:05. Who are you?" in words(ask(desk, "/claim", band=WATCH.address))
    assert "●●○○" in words(ask(desk, "/claim", band=WATCH.address, who="p-1", typed="1", digit="2"))
    assert "●○○○" in words(
        ask(desk, "/claim", band=WATCH.address, who="p-1", typed="12", digit="delete")
    )

    assert typed(desk, "1234") == SeeOther("/")

    assert said(edge) == [("p-1", WATCH.address, None)]


def test_another_persons_code_claims_for_nobody(desk, edge):
    text = words(typed(desk, "9876"))

    assert "That was not the code of p-1." in text
    assert "○○○○" in text
    assert edge.registered() == {}


@pytest.mark.parametrize("form", [{"typed": "12x4"}, {"typed": "12345678"}, {"typed": "１２３４"}])
def test_what_no_key_of_ours_typed_is_no_code(desk, edge, form):
    ask(desk, "/claim", band=WATCH.address, who="p-1", **form)

    assert edge.registered() == {}


def test_who_guesses_waits_and_the_right_code_waits_too(desk, edge, clocks):
    for _ in range(FREE):
        typed(desk, "0000")

    assert "Too many wrong codes. Wait 1 min" in words(typed(desk, "1234"))
    clocks.pass_ms(MINUTE)
    assert "That was not" in words(typed(desk, "0000"))
    assert "Wait 2 min" in words(typed(desk, "1234"))
    clocks.pass_ms(2 * MINUTE)
    assert typed(desk, "1234") == SeeOther("/")
    assert edge.status()["claim_codes_wrong"] == 0  # of the edge's own desk
    assert desk.guessing.wrong == FREE + 1


def test_the_wait_grows_to_a_quarter_of_an_hour_and_no_further(desk):
    now = 0
    for _ in range(100):
        desk.guessing.was_wrong("p-1", now)
        now += LONGEST_WAIT_MS
    desk.guessing.was_wrong("p-1", now)

    assert desk.guessing.wait_ms("p-1", now) == LONGEST_WAIT_MS


def test_who_guesses_at_everybody_makes_the_whole_page_wait(desk):
    for number in range(HALL_FREE):
        desk.guessing.was_wrong(f"p-{number}", 0)

    assert desk.guessing.wait_ms("p-77", 0) == HALL_MS
    assert desk.guessing.wait_ms("p-77", HALL_MS) == 0


def test_codes_sent_at_once_are_looked_at_one_by_one(desk, edge):
    """Ten forms in one moment are no ten free guesses."""

    async def at_once():
        forms = [
            {"band": WATCH.address, "who": "p-1", "typed": "000", "digit": str(n)}
            for n in range(10)
        ]
        return await asyncio.gather(*(desk.answer(Asked("/claim", form)) for form in forms))

    asyncio.run(at_once())

    assert desk.guessing.wrong == FREE


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"band": RING.address}, "That band is not heard any more"),
        ({"band": "77:77:77:77:77:77"}, "That band is not heard any more"),
        ({"band": WATCH.address, "who": "p-9"}, "That person is not in the list any more"),
        ({"x": "y"}, "That band is not heard any more"),
    ],
)
def test_what_is_gone_or_never_was_is_said_and_claims_nothing(desk, edge, form, expected):
    assert expected in words(ask(desk, "/claim", **form))
    assert edge.registered() == {}


def test_a_claimed_band_can_be_taken_over_by_its_next_wearer(desk, edge):
    begin(edge)
    assert "04:05: now p-1" in words(ask(desk, "/claim"))

    assert typed(desk, "9876", who="p-2") == SeeOther("/")

    assert [one.subject for one in edge.claims.standing.values()] == ["p-2"]


def test_finished_is_asked_once_more_and_then_done(desk, edge):
    begin(edge)
    [one] = edge.claims.standing.values()

    assert "p-1: finished?" in words(ask(desk, "/finish", claim=one.claim))
    assert edge.claims.standing
    assert ask(desk, "/finish", claim=one.claim, sure="yes") == SeeOther("/")
    assert not edge.claims.standing
    assert ask(desk, "/finish", claim=one.claim, sure="yes") == SeeOther("/")


def test_an_alarm_stands_first_on_the_pages_of_a_claim_too(desk, edge, clocks):
    begin(edge, PEOPLE[1], OTHER)
    for _ in range(40):
        clocks.pass_ms(1_000)
        edge.heard([live(clocks, 170, OTHER.address)])

    for page in (ask(desk, "/claim"), ask(desk, "/near"), ask(desk, "/claim", band=WATCH.address)):
        text = words(page)
        assert text.index("1 must slow down") < text.index("Back")
        assert 'class="alarm"' in page.html


def test_a_page_that_is_left_alone_goes_back_to_the_first(desk):
    for page in (ask(desk, "/near"), ask(desk, "/claim", band=WATCH.address)):
        assert 'http-equiv="refresh" content="45;url=/"' in page.html


def test_the_district_is_asked_once_to_register_a_band_without_a_value(desk, edge, clocks):
    edge.heard([live(clocks, 177, RING.address)])
    assert "Ask to register it" in words(ask(desk, "/near"))

    assert ask(desk, "/near", band=RING.address) == SeeOther("/near")
    ask(desk, "/near", band=RING.address)
    ask(desk, "/near", band="77:77:77:77:77:77")

    [held] = edge.events.due(30)
    assert isinstance(held.event, Offer)
    assert (held.event.device_key, held.event.families) == (RING.address, ("colmi",))
    assert "the district is asked" in words(ask(desk, "/near"))
    assert "177" not in words(ask(desk, "/near"))


def test_of_a_crowd_of_bands_the_nearest_stand_there(desk, edge):
    edge.neighbours = lambda: [
        Neighbour(f"5A:00:00:00:00:{number:02X}", ("hrs",), "", -100 + number // 2 or None)
        for number in range(200)
    ]

    for path in ("/claim", "/near"):
        page = ask(desk, path)
        assert page.html.count("<button") == 60
        assert "00:C7" in page.html
        assert "00:00:02" not in page.html


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["/", "/claim", "/finish", "/near", "/x"]),
    form=st.none()
    | st.dictionaries(
        st.sampled_from(["band", "who", "typed", "digit", "claim", "sure"]),
        st.text(max_size=6) | st.sampled_from([WATCH.address, "p-1", "12", "3", "yes", "delete"]),
        max_size=6,
    ),
)
def test_whatever_is_sent_gets_an_answer_and_claims_nothing_without_its_code(
    desk, edge, path, form
):
    form = None if form is None else {**form, "typed": form.get("typed", "").replace("12", "")}

    asyncio.run(desk.answer(Asked(path, form)))

    assert edge.registered() == {}


@pytest.mark.parametrize("path", ["/nothing", "/finish", "/claim/", "//"])
def test_there_are_no_other_pages(desk, path):
    assert ask(desk, path) is None


def test_a_form_to_the_first_page_is_nothing(desk):
    assert ask(desk, "/", x="y") is None


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_names_are_text_in_every_page_whatever_they_hold(edge, language):
    nasty = "<script>&\"'"
    person = Claimer(nasty, SALT, CODES["1234"], ())
    edge.book.take(made_roster(version=2, people=(person,)))
    band = Neighbour("5A:00", ("hrs",), nasty, -50)
    edge.neighbours = lambda: [band]
    desk = Desk(edge.sight, edge.claims, edge.book, edge.time, language)

    pages = [
        ask(desk, "/claim"),
        ask(desk, "/near"),
        ask(desk, "/claim", band="5A:00"),
        ask(desk, "/claim", band="5A:00", who=nasty),
        ask(desk, "/claim", band="5A:00", who=nasty, typed="0000"),
    ]
    edge.claims.begin(band, person)
    [one] = edge.claims.standing.values()
    pages += [ask(desk, "/finish", claim=one.claim), ask(desk, "/claim"), ask(desk, "/")]

    for page in pages:
        assert "<script" not in page.html
        assert "&lt;script&gt;" in page.html


# --- events that are claims -------------------------------------------------------------------


def test_claims_survive_a_crash_in_the_events_file_until_their_receipt(opened, edge):
    begin(edge)
    asyncio.run(edge.events.save())
    boot = edge.events.boot
    edge.events.close()

    again = opened()
    assert said(again) == [("p-1", WATCH.address, None)]

    again.events.settle(boot, [0])
    assert said(again) == []


def test_a_band_vibrates_at_an_alarm_and_while_it_lasts(edge, clocks):
    vibrated = []
    edge.vibrate = vibrated.append
    begin(edge)

    with closing(edge.events):
        for _ in range(40):
            clocks.pass_ms(1_000)
            edge.heard([live(clocks, 151, WATCH.address)])

    raised = 40 - len(vibrated) + 1
    assert raised in {30, 31}
    assert set(vibrated) == {WATCH.address}
