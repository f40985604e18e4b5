"""What a message says: that there is an alert, how urgent, since when, and where to open it.

No diagnosis, no measured value, and of the name its first letter: a message passes through servers
and telephones that the care team does not own.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from config.alert_rules import TIER_NAMES
from config.language import later, translator

_SUBJECT = later("[%(tier)s] %(name)s, %(time)s")
_FIRST = later("%(tier)s alert: %(name)s. Reading of %(time)s.")
_ESCALATED = later("Nobody has acknowledged it since then. Please do.")
_BOX_SUBJECT = later("[%(tier)s] gateway %(gateway)s, %(time)s")
_BOX = later("%(tier)s alert: gateway %(gateway)s, found %(time)s. No patient is meant.")
_LOOK = later("Look, and take note of it: %(link)s")
_AGAIN = later("This may reach you twice: it is not known whether the first message arrived.")
_OPEN = later("Open and acknowledge: %(link)s")


@dataclass(frozen=True, slots=True)
class Notice:
    """What there is to say of one alert to one recipient."""

    delivery_id: int
    alert_id: int
    round: int
    step: int
    recipient: str
    again: bool
    tier: str
    raised_at: datetime
    """Of the reading."""
    name: str | None
    pseudonym: str


@dataclass(frozen=True, slots=True)
class BoxNotice:
    """What there is to say of one finding against a gateway to one recipient."""

    delivery_id: int
    finding_id: int
    recipient: str
    again: bool
    kind: str
    found_at: datetime
    centre: str
    gateway: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it goes out."""

    message_id: str
    """The same for the first and for the one that is sent again."""
    recipient: str
    subject: str
    text: str
    link: str


def masked(name: str | None, pseudonym: str) -> str:
    """Return the first letter of a name and a star; without a name the pseudonym."""
    return f"{name.strip()[0]}*" if name and name.strip() else pseudonym


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes messages in one language; `public_url` is where browsers reach the pages."""

    language: str
    public_url: str
    zone: ZoneInfo

    def write(self, notice: Notice) -> Message:
        """Return the message of a notice."""
        say = translator(self.language).gettext
        link = f"{self.public_url}/alerts/{notice.alert_id}"
        values = {
            "tier": say(TIER_NAMES[notice.tier]),
            "name": masked(notice.name, notice.pseudonym),
            "time": notice.raised_at.astimezone(self.zone).strftime("%m-%d %H:%M"),
            "link": link,
        }
        lines = [say(_FIRST) % values]
        if notice.step:
            lines.append(say(_ESCALATED))
        lines.append(say(_OPEN) % values)
        if notice.again:
            lines.append(say(_AGAIN))
        host = self.public_url.split("//", 1)[-1].split(":", 1)[0]
        place = f"alert-{notice.alert_id}-{notice.round}-{notice.step}"
        return Message(
            f"<{place}@{host}>",
            notice.recipient,
            say(_SUBJECT) % values,
            "\n".join(lines) + "\n",
            link,
        )

    def write_of_box(self, notice: BoxNotice) -> Message:
        """Return the message of a finding against a gateway; what it is stands on the page."""
        say = translator(self.language).gettext
        link = f"{self.public_url}/operations"
        values = {
            "tier": say(TIER_NAMES["grey"]),
            "gateway": f"{notice.centre}/{notice.gateway}",
            "time": notice.found_at.astimezone(self.zone).strftime("%m-%d %H:%M"),
            "link": link,
        }
        lines = [say(_BOX) % values, say(_LOOK) % values]
        if notice.again:
            lines.append(say(_AGAIN))
        host = self.public_url.split("//", 1)[-1].split(":", 1)[0]
        return Message(
            f"<finding-{notice.finding_id}@{host}>",
            notice.recipient,
            say(_BOX_SUBJECT) % values,
            "\n".join(lines) + "\n",
            link,
        )
