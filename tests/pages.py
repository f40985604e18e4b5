"""The web pages for tests: really served, asked by a client that behaves as a browser does."""

import re
import threading
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from html import unescape

import httpx
import uvicorn
from argon2 import PasswordHasher

from config.district_settings import PortalSettings
from portal.app import create_app
from portal.passwords import Passwords
from portal.serving import listen, server_config
from storage.accounts import (
    issue_link,
    new_token,
    open_account,
    put_care_team,
    set_password_hash,
    token_sha256,
)
from storage.people import put_organisation, put_staff
from storage.session_log import Session, note_session
from storage.web_sessions import read_as
from tests.district import District, every, local_ms
from tests.patience import PATIENCE_S

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The real cost is the programme's to bear, not the tests'."""
PASSWORD = "plum tree under snow"  # noqa: S105 - of nobody
ROLES = {
    "d1": "family_doctor",
    "d2": "family_doctor",
    "coach": "instructor",
    "physio": "therapist",
    "op": "operator",
    "boss": "administrator",
    "payer": "payer",
    "auditor": "auditor",
}
MONDAY = date(2026, 11, 9)
CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class House(District):
    """Two doctors, everybody else of the staff, and two patients of the first doctor."""

    def __init__(self, conn):
        super().__init__(conn)
        self.trail_after = 0
        put_organisation(conn, kind="district", code="d", name="District")
        for code, role in ROLES.items():
            put_staff(conn, organisation="c1", code=code, role=role, name=f"Name of {code}")
            open_account(conn, code)
        self.enrolment = self.wear(
            "p1",
            hr_max_bpm=160.0,
            rest_hr_bpm=60.0,
            ceiling_bpm=150.0,
            ceiling_source="default",
            hr_max_source="gellish",
            rest_hr_source="measured",
            age_years=67.0,
            sex="F",
            beta_blocker=False,
        )
        self.wear("p2", ceiling_bpm=150.0, ceiling_source="prescribed", beta_blocker=True)
        self.name("p1", "王秀英")
        self.name("p2", "张𠮷祥")
        put_care_team(conn, patient="p1", staff="coach")

    def name(self, pseudonym, name):
        self.conn.execute("UPDATE patient SET name = %s WHERE pseudonym = %s", (name, pseudonym))

    def patient(self, pseudonym):
        return self.one("SELECT id FROM patient WHERE pseudonym = %s", pseudonym)

    def set_password(self, code, password=PASSWORD):
        account = open_account(self.conn, code)
        set_password_hash(self.conn, staff_id=account.staff_id, password_hash=CHEAP.hash(password))

    def exercise(self, day=date(2026, 11, 11)):
        """An hour at 120 bpm, with a break of ten minutes in which nothing is heard."""
        start = local_ms(f"{day} 10:00:00")
        minute = 60_000
        rates = every(start, start + 20 * minute, 120.0) + every(
            start + 30 * minute, start + 60 * minute, 122.0
        )
        self.hear("p1", heart_rate=rates)

    def week(self, monday=MONDAY, *, state="not_met", reason=None, pct=40.0):
        return self.conn.execute(
            "INSERT INTO week (enrolment_id, week, prescription_id, wear_min, valid_days,"
            " valid_week, bouts, complete_sessions, session_days, bout_credit_min, all_credit_min,"
            " above_min, mod_eq_min, attendance, rdi, volume, adherent, adherence_pct, state,"
            " reason, method_version, input_sha256, counted_to)"
            " SELECT %s, %s, id, 600, 5, true, 1, 1, 1, 36, 36, 0, 36, 0.33, 0.4, 0.4, false, %s,"
            " %s, %s, 'c1', '\\x00', %s FROM prescription WHERE enrolment_id = %s LIMIT 1",
            (
                self.enrolment,
                monday,
                pct,
                state,
                reason,
                monday + timedelta(days=6),
                self.enrolment,
            ),
        )

    def log(self, pseudonym, day, component="resistance", *, by="coach", **said):
        """An entry of the session log."""
        return note_session(
            self.conn,
            enrolment_id=self.one("SELECT id FROM enrolment WHERE case_label = %s", pseudonym),
            entry_key=f"{pseudonym} {day} {component}",
            session=Session(date=day, component=component, **said),
            noted_by=by,
        )

    def red(self, pseudonym="p1", *, since=None, **given):
        """An open red alert."""
        onset = since or datetime.now(UTC) - timedelta(minutes=3)
        values = {
            "patient_id": self.patient(pseudonym),
            "rule": "hr_ceiling",
            "rule_version": 1,
            "tier": "red",
            "direction": "high",
            "onset_at": onset,
            "raised_at": onset + timedelta(seconds=30),
            "last_at": onset + timedelta(seconds=40),
            "peak_bpm": 161.0,
            "ceiling_bpm": 150.0,
            "samples": 41,
            "heard_by": "edge",
            "paged": True,
        } | given
        return self.one(
            f"INSERT INTO alert ({', '.join(values)})"  # noqa: S608 - names of this file's own
            f" VALUES ({', '.join(['%s'] * len(values))}) RETURNING id",
            *values.values(),
        )

    def blue(self, pseudonym="p1", *, week=MONDAY):
        onset = datetime(week.year, week.month, week.day, tzinfo=UTC)
        return self.red(
            pseudonym,
            since=onset,
            rule="week_low",
            tier="blue",
            direction="low",
            week=week,
            peak_bpm=None,
            ceiling_bpm=None,
            samples=None,
            heard_by=None,
            paged=False,
        )

    def trail(self, action=None):
        """(actor, action, subject) of the audit trail, oldest first, since `begin_trail`."""
        return self.conn.execute(
            "SELECT actor, action, subject FROM audit"
            " WHERE id > %(after)s AND (%(action)s::text IS NULL OR action = %(action)s)"
            " ORDER BY id",
            {"action": action, "after": self.trail_after},
        ).fetchall()

    def begin_trail(self):
        """Look at what comes from now on: nobody can remove what came before."""
        self.trail_after = self.one("SELECT coalesce(max(id), 0) FROM audit")


@contextmanager
def reading_as(conn, code):
    """A transaction in which the rows are those of a person of the staff, as in a page."""
    token = new_token()
    conn.execute(
        "INSERT INTO web_session (token_sha256, staff_id, ends_at, may_set_password)"
        " SELECT %s, id, clock_timestamp() + interval '1 hour', false FROM staff WHERE code = %s",
        (token_sha256(token), code),
    )
    with conn.transaction():
        read_as(conn, token)
        yield


@contextmanager
def served(dsn, **given):
    """Serve the pages of a database until the end; yield their address."""
    settings = PortalSettings(**{"port": 0, "public_url": "http://127.0.0.1"} | given)
    app = create_app(dsn, settings, time_zone="Asia/Shanghai", passwords=Passwords(CHEAP))
    listening = listen(settings)
    server = uvicorn.Server(server_config(app, settings))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


class Browser:
    """A client with cookies that sends forms as a browser without scripts does."""

    def __init__(self, url, *, language="en"):
        self.url = url
        self.client = httpx.Client(
            base_url=url, headers={"accept-language": language}, trust_env=False, timeout=PATIENCE_S
        )

    def close(self):
        self.client.close()

    def get(self, path, **given):
        return self.client.get(path, **given)

    def post(self, path, data=None, *, csrf=None, origin=None, **given):
        headers = {"origin": origin or self.url} | given.pop("headers", {})
        form = {"csrf": csrf if csrf is not None else self.csrf} | (data or {})
        return self.client.post(path, data=form, headers=headers, **given)

    @property
    def csrf(self):
        """The token of this session's forms; before log-in, of the form to log in."""
        page = self.client.get("/password", follow_redirects=True)
        return unescape(CSRF.search(page.text).group(1))

    def log_in(self, code, password=PASSWORD, *, then="/"):
        page = self.client.get("/login")
        token = CSRF.search(page.text).group(1)
        return self.post("/login", {"name": code, "password": password, "next": then}, csrf=token)

    def enter(self, conn, code, **given):
        """Log in by a one-time link."""
        token = issue_link(conn, code, timedelta(minutes=5), **given)
        page = self.client.get(f"/enter/{token}")
        answer = self.post(f"/enter/{token}", csrf=CSRF.search(page.text).group(1))
        assert answer.status_code == 303
        return self
