"""Mail handed to a server: taken, refused, not taken, or nobody can say; never a guess."""

import socket
from dataclasses import replace

import pytest

from alerts.mail import Mail
from alerts.message import Message
from alerts.sending import Fate
from config.district_settings import MailSettings
from config.errors import Misconfigured
from tests.certificates import Authority
from tests.mailbox import context_of, mail_server

MESSAGE = Message(
    "<alert-1-0-0@east.example>",
    "doctor@east.example",
    "[红] 张*, 11-22 09:30",
    "第一行\n.\n..x\n",
    "https://east.example/alerts/1",
)


def mail_to(port, *, encryption="none", timeout_s=5, **more):
    settings = MailSettings(
        host="127.0.0.1", port=port, sender="adhere@east.example", encryption=encryption, **more
    )
    return Mail(settings, timeout_s=timeout_s)


def test_a_mail_arrives_as_it_was_written_dots_and_chinese_too():
    with mail_server() as mailbox:
        assert mail_to(mailbox.port).send(1, MESSAGE) == (Fate.SENT, "")
    ((recipients, mail),) = mailbox.mails
    assert recipients == [MESSAGE.recipient]
    assert (mail["Subject"], mail["Message-ID"]) == (MESSAGE.subject, MESSAGE.message_id)
    assert mail.get_content().replace("\r\n", "\n") == MESSAGE.text
    assert mail["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("step", "answer", "fate", "detail"),
    [
        ("RCPT", "550 no such user", Fate.REFUSED, "recipient_550"),
        ("RCPT", "450 busy", Fate.LATER, "recipient_450"),
        ("MAIL", "530 Must issue a STARTTLS command first", Fate.LATER, "sender_530"),
        ("DATA", "554 looks like spam", Fate.REFUSED, "message_554"),
        ("DATA", "451 try later", Fate.LATER, "message_451"),
    ],
)
def test_what_the_server_refuses_is_told_apart_and_named_by_its_code(step, answer, fate, detail):
    with mail_server() as mailbox:
        mailbox.answers[step] = answer
        assert mail_to(mailbox.port).send(1, MESSAGE) == (fate, detail)
    assert mailbox.mails == []


@pytest.mark.parametrize("address", ["张三@east.example", "a@ü.example", "a@[b", "a@b@c", '"a@b'])
def test_an_address_that_is_none_is_refused_and_ends_nothing(address):
    with mail_server() as mailbox:
        answer = mail_to(mailbox.port).send(1, replace(MESSAGE, recipient=address))
    assert answer == (Fate.REFUSED, "address")
    assert mailbox.mails == []


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
def test_a_server_that_hangs_before_it_has_the_mail_is_tried_again_later(step):
    with mail_server() as mailbox:
        mailbox.hang_at = step
        assert mail_to(mailbox.port, timeout_s=0.3).send(1, MESSAGE).fate is Fate.LATER
    assert mailbox.mails == []


def test_a_server_that_takes_the_mail_and_says_nothing_leaves_it_unknown():
    with mail_server() as mailbox:
        mailbox.hang_at = "ANSWER"
        answer = mail_to(mailbox.port, timeout_s=0.3).send(1, MESSAGE)
        assert answer.fate is Fate.UNKNOWN
        assert len(mailbox.mails) == 1


def test_a_server_that_is_down_or_no_mail_server_is_tried_again_later():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert mail_to(port, timeout_s=0.2).send(1, MESSAGE).fate is Fate.LATER
    assert mail_to(port).send(1, MESSAGE) == (Fate.LATER, "ConnectionRefusedError")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_encrypted_and_logged_in_it_arrives_at_a_server_that_asks_for_both(authority, encryption):
    context = context_of(authority.issue("mail", "127.0.0.1"))
    server = {"starttls": context} if encryption == "starttls" else {"tls": context}
    with mail_server(**server, require_starttls=encryption == "starttls") as mailbox:
        mail = mail_to(mailbox.port, encryption=encryption, ca_file=authority.ca_file)
        assert mail.send(1, MESSAGE).fate is Fate.SENT
    assert len(mailbox.mails) == 1


def test_a_server_that_requires_encryption_gets_nothing_in_clear(authority):
    context = context_of(authority.issue("mail", "127.0.0.1"))
    with mail_server(starttls=context, require_starttls=True) as mailbox:
        assert mail_to(mailbox.port).send(1, MESSAGE) == (Fate.LATER, "sender_530")
    assert mailbox.mails == []


def test_a_server_without_encryption_gets_nothing_in_clear_either():
    with mail_server() as mailbox:
        answer = mail_to(mailbox.port, encryption="starttls").send(1, MESSAGE)
    assert answer == (Fate.LATER, "SMTPNotSupportedError")
    assert mailbox.mails == []


def test_a_stranger_with_another_certificate_gets_nothing(authority, tmp_path):
    stranger = Authority(tmp_path, "Stranger")
    context = context_of(stranger.issue("mail", "127.0.0.1"))
    with mail_server(starttls=context) as mailbox:
        mail = mail_to(mailbox.port, encryption="starttls", ca_file=authority.ca_file)
        assert mail.send(1, MESSAGE) == (Fate.LATER, "SSLCertVerificationError")
    assert mailbox.mails == []


def test_a_password_is_given_over_encryption_and_a_wrong_one_is_named_by_its_code(authority):
    context = context_of(authority.issue("mail", "127.0.0.1"))
    with mail_server(starttls=context, login=("adhere", "right")) as mailbox:
        for password, fate, detail in (
            ("right", Fate.SENT, ""),
            ("wrong", Fate.LATER, "smtp_535"),
        ):
            mail = mail_to(
                mailbox.port,
                encryption="starttls",
                ca_file=authority.ca_file,
                username="adhere",
                password=password,
            )
            assert mail.send(1, MESSAGE) == (fate, detail)
    assert len(mailbox.mails) == 1


def test_a_ca_file_that_cannot_be_read_is_said_at_the_start(tmp_path):
    for content in (None, "no certificate"):
        path = tmp_path / "ca.pem"
        if content:
            path.write_text(content)
        with pytest.raises(Misconfigured, match=r"ca\.pem"):
            mail_to(25, encryption="tls", ca_file=path)
