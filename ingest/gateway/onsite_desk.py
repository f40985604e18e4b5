"""What the on-site pages do: which page answers what, and what a form changes.

The first page shows; the others let a wearer claim a band, end that, and ask the district to
register one. A code is looked at one at a time and in a thread: it takes its time on purpose.
"""

import asyncio
from collections.abc import Callable, Mapping

from config.language import later, translator
from ingest.batch.claim_code import DIGITS, is_right
from ingest.gateway.claims import Claims
from ingest.gateway.edge_time import EdgeTime
from ingest.gateway.guessing import Guessing
from ingest.gateway.neighbour import BROADCAST, Neighbour
from ingest.gateway.onsite import Answer, Asked, SeeOther
from ingest.gateway.onsite_claim import (
    DELETE,
    choose_band,
    choose_person,
    confirm_finish,
    near,
    type_code,
)
from ingest.gateway.onsite_frame import Sight
from ingest.gateway.onsite_page import page
from ingest.gateway.rosters import RosterBook

START = SeeOther("/")
MOST_ASKED = 1_000

GONE = later("That band is not heard any more. Choose again.")
NOT_KNOWN = later("That person is not in the list any more. Choose again.")
WRONG = later("That was not the code of %(who)s.")
WAIT = later("Too many wrong codes. Wait %(minutes)d min, or ask the staff.")


class Desk:
    """Answers the pages of one box, in its event loop."""

    def __init__(
        self,
        sight: Callable[[], Sight],
        claims: Claims,
        book: RosterBook,
        time: EdgeTime,
        language: str,
    ) -> None:
        """`sight` says what there is to show at the moment."""
        self.guessing = Guessing()
        self._sight, self._claims, self._book, self._time = sight, claims, book, time
        self._language, self._say = language, translator(language).gettext
        self._asked: dict[str, None] = {}
        """Bands that the district was asked to register, the newest last."""
        self._one_code = asyncio.Lock()

    async def answer(self, asked: Asked) -> Answer:
        """Return the page, or where to go on; None: there is none of that name."""
        if asked.form is None:
            return self._shown(asked.path)
        return await self._done(asked.path, asked.form)

    def _shown(self, path: str) -> Answer:
        match path:
            case "/":
                return page(self._sight(), self._language)
            case "/claim":
                return self._choose_band()
            case "/near":
                return near(self._sight(), frozenset(self._asked), self._language)
            case _:
                return None

    async def _done(self, path: str, form: Mapping[str, str]) -> Answer:
        match path:
            case "/claim":
                return await self._claim(form)
            case "/finish":
                return self._finish(form)
            case "/near":
                return self._ask_for(form)
            case _:
                return None

    def _choose_band(self, note: str = "") -> Answer:
        taken = list(self._claims.standing.values())
        return choose_band(self._sight(), taken, self._language, note)

    async def _claim(self, form: Mapping[str, str]) -> Answer:
        """Go on with a claim as far as the form says: band, person, code."""
        sight = self._sight()
        band = self._band(sight, form.get("band", ""))
        if band is None:
            return self._choose_band(self._say(GONE))
        who, typed = form.get("who", ""), _typed(form)
        person = self._book.claimers.get(who)
        if person is None:
            note = self._say(NOT_KNOWN) if who else ""
            return choose_person(sight, band, self._book.claimers, self._language, note)
        if len(typed) < DIGITS:
            return type_code(sight, band, who, typed, self._language)
        async with self._one_code:
            wait_ms = self.guessing.wait_ms(who, self._time.mono_ms())
            if wait_ms:
                note = self._say(WAIT) % {"minutes": -(-wait_ms // 60_000)}
                return type_code(sight, band, who, "", self._language, note)
            right = await asyncio.to_thread(is_right, typed, person.code_salt, person.code_hash)
            if not right:
                self.guessing.was_wrong(who, self._time.mono_ms())
                note = self._say(WRONG) % {"who": who}
                return type_code(sight, band, who, "", self._language, note)
        self.guessing.was_right(who)
        self._claims.begin(band, person)
        return START

    def _finish(self, form: Mapping[str, str]) -> Answer:
        claim = form.get("claim", "")
        one = next((one for one in self._claims.standing.values() if one.claim == claim), None)
        if one is None:
            return START
        if form.get("sure") != "yes":
            return confirm_finish(self._sight(), one, self._language)
        self._claims.finish(claim)
        return START

    def _ask_for(self, form: Mapping[str, str]) -> Answer:
        sight = self._sight()
        address = form.get("band", "")
        found = next((one for one in sight.neighbours if one.address == address), None)
        if found is not None and address not in self._asked:
            self._claims.offer(found)
            self._asked[address] = None
            if len(self._asked) > MOST_ASKED:
                del self._asked[next(iter(self._asked))]
        return SeeOther("/near")

    def _band(self, sight: Sight, address: str) -> Neighbour | None:
        """Return a band that may be claimed: near and nobody's, or claimed by somebody."""
        for one in sight.neighbours:
            if one.address == address and one.can_be_claimed:
                return one
        standing = self._claims.standing.get(address)
        return None if standing is None else Neighbour(address, (standing.family or BROADCAST,))


def _typed(form: Mapping[str, str]) -> str:
    """Return the digits typed so far, with the key pressed now."""
    typed, digit = form.get("typed", ""), form.get("digit", "")
    if digit == DELETE:
        return typed[:-1]
    digits = typed + digit
    is_ours = len(digits) <= DIGITS and digits.isascii() and digits.isdecimal()
    return digits if is_ours else ""
