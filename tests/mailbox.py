"""A mail server that tests read, and that refuses, hangs or falls silent when it is told to."""

import asyncio
import ssl
import threading
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.ports import port_of


class Mailbox:
    """Handler of aiosmtpd: keeps what it takes; `answers` by step (MAIL, RCPT, DATA)."""

    def __init__(self):
        self.mails, self.answers = [], {}
        self.hang_at = None
        self.hanging, self.go_on = threading.Event(), threading.Event()

    async def _step(self, name):
        if self.hang_at == name:
            self.hanging.set()
            await asyncio.get_running_loop().run_in_executor(None, self.go_on.wait)
        return self.answers.get(name)

    async def handle_MAIL(self, _server, _session, envelope, address, options):  # noqa: N802 - aiosmtpd's
        answer = await self._step("MAIL")
        if answer is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer or "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, options):  # noqa: N802 - aiosmtpd's
        answer = await self._step("RCPT") or self.answers.get(address)
        if answer is None:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return answer or "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's
        answer = await self._step("DATA")
        if answer is None:
            mail = message_from_bytes(envelope.content, policy=default)
            self.mails.append((envelope.rcpt_tos, mail))
        await self._step("ANSWER")  # taken, and then nothing is said
        return answer or "250 OK"


@contextmanager
def mail_server(*, tls=None, starttls=None, require_starttls=False, login=None):
    """Run a server on a free port; yield its mailbox with `.port`."""
    mailbox = Mailbox()
    options = {}
    if login:
        options = {
            "authenticator": lambda _s, _ss, _e, _m, data: AuthResult(
                success=(data.login.decode(), data.password.decode()) == login, handled=False
            ),
            "auth_required": True,
            "auth_require_tls": starttls is not None or tls is not None,
        }
    mailbox.port = port_of(mailbox)
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=mailbox.port,
        ssl_context=tls,
        tls_context=starttls,
        require_starttls=require_starttls,
        **options,
    )
    controller.start()
    try:
        yield mailbox
    finally:
        mailbox.go_on.set()
        controller.stop()


def context_of(certificate):
    """The server's side of TLS: `certificate` has a chain file and a key file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context
