"""Alerts by e-mail: one message a connection, and an exact account of how far it came.

A mail server takes a message at one point: when it answers the end of the data. Before it nothing
was sent, and the message is tried again. Refused after the recipient was named, it is refused. If
the answer to the end of the data does not come, nobody can know.
"""

import smtplib
import ssl
from collections.abc import Callable
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from alerts.message import Message
from alerts.sending import Answer, Fate
from config.district_settings import MailSettings
from config.errors import Misconfigured
from config.language import _

TIMEOUT_S = 10.0
"""For each step of the conversation: a mail server that is well answers in less."""
PERMANENT = 500
"""SMTP reply codes from here on will not change by waiting (RFC 5321, 4.2.1)."""
TAKEN, GO_ON = 250, 354
BAD_ADDRESS = (ValueError, LookupError, AttributeError, MessageError)
"""What the library raises for addresses that are none; some of it by accident."""


class Mail:
    """A mail server as a channel."""

    name = "mail"

    def __init__(self, settings: MailSettings, *, timeout_s: float = TIMEOUT_S) -> None:
        """Read the certificates to trust; connects to nothing. Raises Misconfigured."""
        self._settings, self._timeout_s = settings, timeout_s
        try:
            ca_file = str(settings.ca_file) if settings.ca_file else None
            self._context = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            raise Misconfigured(
                _("%(path)s cannot be read (%(why)s): give the mail server's CA as PEM")
                % {"path": settings.ca_file, "why": error.strerror or type(error).__name__}
            ) from None

    def send(self, delivery_id: int, message: Message) -> Answer:
        """Hand one message to the server; see Channel."""
        del delivery_id
        try:
            mail = self._bytes(message)
        except BAD_ADDRESS:
            # One person's odd address must not end the watch for everybody.
            return Answer(Fate.REFUSED, "address")
        smtp: smtplib.SMTP | None = None
        try:
            smtp = self._connected()
            answer = self._handed_over(smtp, message.recipient, mail)
        except smtplib.SMTPResponseException as error:
            answer = Answer(Fate.LATER, f"smtp_{error.smtp_code}")
        except (OSError, smtplib.SMTPException) as error:
            answer = Answer(Fate.LATER, _word(error))
        if smtp is not None:
            _quietly(smtp.quit)
            smtp.close()
        return answer

    def recall(self, delivery_id: int) -> Fate:
        """Nobody can say: the server may have taken it."""
        del delivery_id
        return Fate.UNKNOWN

    def _connected(self) -> smtplib.SMTP:
        """Return a connection, encrypted and logged in as the settings ask."""
        given = self._settings
        if given.encryption == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                given.host, given.port, timeout=self._timeout_s, context=self._context
            )
        else:
            smtp = smtplib.SMTP(given.host, given.port, timeout=self._timeout_s)
        try:
            smtp.ehlo_or_helo_if_needed()
            if given.encryption == "starttls":
                smtp.starttls(context=self._context)
                smtp.ehlo()
            if given.username is not None and given.password is not None:
                smtp.login(given.username, given.password.get_secret_value())
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _handed_over(self, smtp: smtplib.SMTP, recipient: str, mail: bytes) -> Answer:
        code, _text = smtp.mail(self._settings.sender)
        if code != TAKEN:
            return Answer(Fate.LATER, f"sender_{code}")  # a fault of ours, which may be mended
        code, _text = smtp.rcpt(recipient)
        if code not in {TAKEN, 251}:  # 251: it will forward
            return Answer(_refusal(code), f"recipient_{code}")
        code, _text = smtp.docmd("DATA")
        if code != GO_ON:
            return Answer(_refusal(code), f"data_{code}")
        smtp.send(mail)
        try:
            code, _text = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            return Answer(Fate.UNKNOWN, f"no_answer_{_word(error)}")
        if code == TAKEN:
            return Answer(Fate.SENT)
        return Answer(_refusal(code), f"message_{code}")

    def _bytes(self, message: Message) -> bytes:
        """Return the mail with its end, lines that begin with a dot doubled (RFC 5321, 4.5.2).

        Raises one of BAD_ADDRESS for a recipient that SMTP without extensions cannot name.
        """
        message.recipient.encode("ascii")
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self._settings.sender
        mail["To"] = Address(addr_spec=message.recipient)
        mail["Subject"] = message.subject
        mail["Date"] = formatdate()
        mail["Message-ID"] = message.message_id
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Priority"] = "1"
        mail.set_content(message.text, cte="base64")
        lines = mail.as_bytes().split(b"\r\n")
        return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + (
            b"\r\n.\r\n"
        )


def _refusal(code: int) -> Fate:
    return Fate.REFUSED if code >= PERMANENT else Fate.LATER


def _word(error: Exception) -> str:
    """Name a fault without a word of the server's: it may quote an address."""
    return type(error).__name__


def _quietly(leave: Callable[[], object]) -> None:
    """Say goodbye; what was answered before stands, whatever happens now."""
    try:
        leave()
    except (OSError, smtplib.SMTPException):
        return
