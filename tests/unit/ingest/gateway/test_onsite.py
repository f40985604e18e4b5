"""The on-site page: what it says, in which order, and that it stands whatever asks for it."""

import asyncio
import re
import socket
from dataclasses import replace

import pytest

from ingest.gateway.edge import Alarm, Here
from ingest.gateway.neighbour import Neighbour
from ingest.gateway.onsite import (
    ADDRESS,
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    Page,
    SeeOther,
    Token,
    listening,
)
from ingest.gateway.onsite_frame import Sight
from ingest.gateway.onsite_page import page
from ingest.gateway.standing import Standing
from tests.edges import BAND, worn
from tests.patience import PATIENCE_S

NOW = 10_000_000


def here(bpm, *, heard_ago_ms=500, **band):
    return Here(worn(**band), bpm, NOW - heard_ago_ms, None)


def alarm(**changed):
    return replace(Alarm(BAND, "p-1", 150.0, 1, 2, NOW - 75_000, 3, 171.0, 90), **changed)


def sight(**changed):
    return replace(
        Sight(
            centre="centre",
            gateway="hall-1",
            now_mono_ms=NOW,
            alarms=(),
            ended=(),
            here=(),
            registered=3,
            has_roster=True,
            roster_expired=False,
            connected=True,
            events_waiting=0,
            neighbours=(),
        ),
        **changed,
    )


def standing(**changed):
    """A band that its wearer said is theirs."""
    return replace(
        Standing(
            claim="ab" * 16, device_key=BAND, family="hrs", subject="p-1", began_utc_ms=1,
            latest_utc_ms=2, is_sure=True, heard_utc_ms=1, heard_mono_ms=NOW,
        ),
        **changed,
    )  # fmt: skip


def words(given):
    """The text of the page as read, one line a block."""
    html = page(given, "en").html.partition("<body")[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.partition(">")[2]))


def test_alarms_come_first_with_pulse_ceiling_and_how_long():
    text = words(
        sight(
            alarms=[alarm()], here=[here(168, subject="p-1"), here(90, subject="a", device_key="b")]
        )
    )

    assert text.index("1 must slow down") < text.index("p-1") < text.index("Who")
    assert "168 / 150" in text
    assert "1 min 15 s" in text


@pytest.mark.parametrize(
    ("given", "word", "sign"),
    [
        (here(150), "at the ceiling: slow down", "▲▲"),
        (here(130), "above the zone", "▲"),
        (here(129.9), "in the zone", "●"),
        (here(100), "in the zone", "●"),
        (here(99.9), "below the zone", "▽"),
        (here(90, zone_lo_bpm=None), "no zone known", "○"),
        (here(160, ceiling_bpm=None), "above the zone", "▲"),
        (here(160, heard_ago_ms=15_001), "no signal", "?"),
    ],
)
def test_a_zone_is_said_by_a_word_and_a_sign_and_not_by_colour_alone(given, word, sign):
    text = words(sight(here=[given]))

    assert f"{sign} {word}" in text


def test_a_lost_signal_during_an_alarm_shows_no_old_pulse():
    text = words(sight(alarms=[alarm()], here=[here(168, heard_ago_ms=20_000)]))

    assert "no signal / 150" in text
    assert "168" not in text


def test_what_is_over_stays_for_ten_minutes():
    over = alarm(ended_mono_ms=NOW - 599_000)

    assert "p-1: over, 9 min 59 s ago; peak 171, ceiling 150" in words(sight(ended=[over]))
    assert "over" not in words(sight(ended=[alarm(ended_mono_ms=NOW - 601_000)]))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "● The district is reached"),
        ({"connected": False}, "✕ The district is NOT reached: this page still warns"),
        ({"events_waiting": 2}, "2 messages wait for the district"),
        ({"has_roster": False}, "✕ No roster yet: this box knows nobody and warns of nobody"),
        ({"roster_expired": True}, "✕ The roster is old: call the district"),
        ({"connected": False, "link_since_mono_ms": NOW - 90_000}, "NOT reached, for 1 min 30 s"),
        ({"connected": False, "unsent_batches": 1}, "1 packets of readings are kept here"),
        ({"unsent_batches": 10}, "10 packets of readings are kept here"),
        ({"neighbours": [Neighbour("AA:BB", ("hrs",))]}, "Unregistered bands near by: 1"),
        (
            {"neighbours": [Neighbour("AA:BB", ("hrs",))], "can_claim": True},
            "This pulse is mine (1 near by)",
        ),
        ({"can_claim": True}, "This pulse is mine (0 near by)"),
        ({"here": []}, "Nobody is heard"),
    ],
)
def test_the_box_says_how_it_stands(changed, expected):
    assert expected in words(sight(**changed))


@pytest.mark.parametrize(
    ("percent", "shown"), [(None, "/ 150 –"), (20, "20%"), (19.4, "▁ 19% charge it"), (0, "▁ 0%")]
)
def test_the_battery_is_shown_and_zero_is_not_missing(percent, shown):
    batteries = {} if percent is None else {BAND: percent}

    assert shown in words(sight(here=[here(110)], battery_pct=batteries))


def test_a_claim_is_shown_until_it_is_finished_and_waits_for_its_first_pulse():
    waiting = words(sight(claims=[standing()]))
    heard = words(sight(claims=[standing()], here=[here(110)]))

    assert "p-1 00:01 waiting for the first pulse I am finished" in waiting
    assert "waiting" not in heard
    assert "I am finished" in heard


def test_whom_the_district_does_not_believe_is_told_for_ten_minutes():
    told = "p-1: the district does not take this band as yours. Ask the staff."

    assert told in words(sight(refused=[(NOW - 600_000, "p-1")]))
    assert told not in words(sight(refused=[(NOW - 600_001, "p-1")]))


def test_names_are_shown_as_text_whatever_they_hold():
    nasty = "<script>alert(1)</script>&\"'"
    html = page(
        sight(
            alarms=[alarm(subject=nasty)],
            ended=[alarm(subject=nasty, ended_mono_ms=NOW)],
            here=[here(90, subject=nasty)],
            claims=[standing(subject=nasty)],
            refused=[(NOW, nasty)],
        ),
        "en",
    ).html

    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 5


def test_the_page_is_chinese_where_the_settings_say_so():
    html = page(sight(), "zh_CN").html

    assert '<html lang="zh-CN">' in html


def test_the_policy_allows_the_pages_own_style_and_nothing_else():
    shown = page(sight(), "en")

    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; base-uri 'none'; "
        r"form-action 'self'; frame-ancestors 'none'",
        shown.policy,
    )
    assert "style=" not in shown.html
    assert 'http-equiv="refresh" content="2"' in shown.html


# --- the server -------------------------------------------------------------------------------


TOKEN = Token("t0ken")


async def desk(given):
    """A first page, another that is shown, and one that takes a form."""
    match given.path:
        case "/" if given.form is None:
            return Page("<p>页</p>", "")
        case "/form" if given.form is not None:
            return SeeOther("/")
        case _:
            return None


def asked(*requests, desk=desk):
    """Start the server, send each request on a connection of its own; return the answers."""

    async def ask(port, request):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer

    async def run():
        async with asyncio.timeout(PATIENCE_S), listening(0, desk, TOKEN) as port:
            return [await ask(port, request) for request in requests]

    return asyncio.run(run())


def get(target="/", host="127.0.0.1", method="GET"):
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def status(answer):
    return int(answer.split()[1])


def test_it_serves_the_page_with_its_policy_and_closes():
    [answer, again] = asked(get(), get("/?x=1", "localhost:8080"))
    head, _, body = answer.partition(b"\r\n\r\n")

    assert body.decode() == "<p>页</p>"
    for line in (
        b"HTTP/1.1 200 OK",
        b"Content-Type: text/html; charset=utf-8",
        b"Content-Length: %d" % len(body),
        b"Cache-Control: no-store",
        b"X-Content-Type-Options: nosniff",
        b"Connection: close",
    ):
        assert line in head.split(b"\r\n")
    assert b"default-src 'none'" in head
    assert status(again) == 200


def test_a_head_request_has_no_body():
    [answer] = asked(get(method="HEAD"))

    assert status(answer) == 200
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"", 400),
        (b"\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/2\r\nHost: localhost\r\n\r\n", 400),
        (b"\xff\xfe\x00" * 100 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 5_000 + b"\r\n", 400),
        (b"A" * (4 * MAX_HEAD_BYTES), 400),
        (b"GET / HTTP/1.1\r\n\r\n", 421),
        (get(host="evil.example"), 421),
        (get(host="127.0.0.1.evil.example:80"), 421),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 421),
        (get(method="PUT"), 405),
        (get(method="DELETE"), 405),
        (get("/../etc/passwd"), 404),
        (get("/favicon.ico"), 404),
        (get("http://127.0.0.1/"), 404),
    ],
)
def test_any_other_request_is_answered_in_short_and_the_next_one_is_served(request_bytes, expected):
    wrong, right = asked(request_bytes, get())

    # Where more came than is read, the connection may be gone before the answer is.
    assert not wrong or status(wrong) == expected
    assert status(right) == 200


def test_it_listens_on_the_loopback_alone():
    async def run():
        async with listening(0, desk, TOKEN) as port:
            for other in {"127.0.0.2", socket.gethostbyname(socket.gethostname())} - {ADDRESS}:
                with pytest.raises(ConnectionRefusedError):
                    await asyncio.open_connection(other, port)

    asyncio.run(run())


def test_silent_visitors_neither_stop_it_nor_outlive_it():
    async def run():
        writers = []
        async with asyncio.timeout(PATIENCE_S):
            async with listening(0, desk, TOKEN) as port:
                for _ in range(40):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writers.append(writer)
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(get())
                answer = await reader.read()
                writers.append(writer)
        for writer in writers:
            writer.close()
        return answer

    assert status(asyncio.run(run())) == 200


def test_a_port_that_is_taken_is_an_error_that_says_so():
    async def run():
        async with listening(0, desk, TOKEN) as port:
            with pytest.raises(OSError, match="address already in use"):
                async with listening(port, desk, TOKEN):
                    pass

    asyncio.run(run())


def post(
    path="/form",
    body="token=t0ken&x=1",
    *,
    host="127.0.0.1:8080",
    length=None,
    kind=None,
    **headers,
):
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        f"Content-Type: {kind or 'application/x-www-form-urlencoded'}",
        *([] if length == "none" else [f"Content-Length: {length or len(body)}"]),
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


@pytest.mark.parametrize(
    "request_bytes",
    [
        post(),
        post(Origin="http://127.0.0.1:8080", Sec_Fetch_Site="same-origin"),
        post(kind="application/x-www-form-urlencoded; charset=utf-8"),
        post(host="localhost:8080", Origin="http://localhost:8080"),
    ],
)
def test_a_form_of_ours_is_taken_and_leads_on(request_bytes):
    [answer] = asked(request_bytes)

    assert status(answer) == 303
    assert b"\r\nLocation: /\r\n" in answer


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (post(body="x=1"), 403),
        (post(body="token=other"), 403),
        (post(body="token="), 403),
        (post(Origin="http://evil.example"), 403),
        (post(Origin="null"), 403),
        (post(Origin="http://127.0.0.1:9999"), 403),
        (post(Sec_Fetch_Site="cross-site"), 403),
        (post(Sec_Fetch_Site="same-site"), 403),
        (post(host="evil.example"), 421),
        (post("/nothing"), 404),
        (post("/"), 404),
        (post(kind="text/plain"), 415),
        (post(kind="multipart/form-data"), 415),
        (post(length="none"), 411),
        (post(length="-1"), 411),
        (post(length="1e3"), 411),
        (post(length="9" * 5_000), 413),
        (post(length=str(MAX_BODY_BYTES + 1)), 413),
        (post(Transfer_Encoding="chunked"), 411),
        (post(length="500"), 400),
        (post(body="token=t0ken&" + "&".join(f"a{n}=1" for n in range(30))), 400),
        (post(body="token=t0ken&x=%ff"), 400),
    ],
)
def test_a_form_from_elsewhere_or_of_no_sense_is_refused_and_the_next_is_served(
    request_bytes, expected
):
    wrong, right = asked(request_bytes, post())

    assert status(wrong) == expected
    assert status(right) == 303


def test_the_token_is_in_no_log():
    assert "t0ken" not in repr(TOKEN)
    assert len(Token().text) >= 20
    assert Token().text != Token().text
