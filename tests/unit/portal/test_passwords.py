"""Passwords: what will do, and that no more than two are looked at together."""

import hashlib
import threading
from base64 import b64encode

import pytest
from argon2 import PasswordHasher

from portal import passwords
from portal.passwords import Passwords, TooBusy, commonest, fault_of
from storage.accounts import kept_of
from tests.patience import PATIENCE_S

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def encoded(output):
    return b64encode(output).decode().rstrip("=")


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("", passwords.TOO_SHORT),
        ("1234567", passwords.TOO_SHORT),
        ("12345678", passwords.TOO_COMMON),
        ("PassWord1", passwords.TOO_COMMON),
        ("woaini1314", passwords.TOO_COMMON),
        ("aaaaaaaaaaaa", passwords.TOO_COMMON),
        ("x" * 300, passwords.TOO_LONG),
        ("doctor-007", passwords.IS_THE_NAME),
        ("梅花树下的雪花飘", None),
        ("plum tree under snow", None),
        ("k" * 32 + "l" * 31 + "m", None),
    ],
)
def test_length_and_commonness_decide_and_no_rule_of_composition(password, fault):
    assert fault_of(password, "Doctor-007", "周海燕") == fault


def test_the_list_holds_only_what_the_length_lets_through():
    assert len(commonest()) > 250
    assert all(len(word) >= 8 and word == word.casefold() for word in commonest())


def test_the_cost_is_as_documented():
    hashed = Passwords().hashed("plum tree under snow")

    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_password_is_the_same_however_the_keyboard_composed_it():
    mine = Passwords(CHEAP)

    hashed = mine.hashed("caf\u00e9 au lait")

    terms, output = hashed.rsplit("$", 1)
    assert encoded(mine.proof(terms, "cafe\u0301 au lait")) == output
    assert encoded(mine.proof(terms, "cafe au lait")) != output


def test_what_is_kept_of_a_password_is_the_hash_of_its_proof():
    mine = Passwords(CHEAP)

    hashed = mine.hashed("quiet river 7")

    terms, _output = hashed.rsplit("$", 1)
    proof = mine.proof(terms, "quiet river 7")
    assert kept_of(hashed).rsplit("$", 1)[1] == encoded(hashlib.sha256(proof).digest())


@pytest.mark.parametrize("terms", [None, "no terms at all", "", "$argon2id$v=19"])
def test_nothing_is_proven_where_no_password_is_kept(terms):
    assert Passwords(CHEAP).proof(terms, "nobody's password") is None


def test_at_most_two_are_looked_at_and_the_third_is_told_to_come_again(monkeypatch):
    monkeypatch.setattr(passwords, "WAIT_S", 0.01)
    inside, leave = threading.Semaphore(0), threading.Event()

    class Slow:
        def hash(self, _password):
            inside.release()
            leave.wait(PATIENCE_S)
            return "hashed"

    mine = Passwords(Slow())
    threads = [threading.Thread(target=mine.hashed, args=("x",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in threads:
        inside.acquire(timeout=PATIENCE_S)

    with pytest.raises(TooBusy):
        mine.hashed("y")
    leave.set()
    for thread in threads:
        thread.join()
    assert mine.hashed("z") == "hashed"
