import stat

import pytest

from config.errors import Misconfigured, Rejected
from ingest.batch import topics
from ingest.batch.enrolment import Answer, dump, load_answer, load_request, make_request
from ingest.batch.keys import load_keys, make_keys, raw, save_keys
from ingest.batch.receipt import Receipt, open_receipt, seal_receipt

# --- topics -----------------------------------------------------------------------------------


def test_a_topic_says_whose_it_is_and_which():
    assert topics.parse_topic(topics.live_topic("c", "hall-1")) == ("c", "hall-1", "live")
    assert topics.parse_topic(topics.backlog_topic("c", "g")).lane == "backlog"
    assert topics.parse_topic(topics.receipt_topic("c", "g")).lane == "receipt"
    assert topics.parse_topic(topics.state_topic("c", "g")).lane == "state"


@pytest.mark.parametrize(
    "topic",
    [
        "", "adhere/v1", "adhere/v1/c/g", "adhere/v1/c/g/other", "adhere/v1/c/g/live/x",
        "adhere/v2/c/g/live", "x/adhere/v1/c/g/live", "adhere/v1/C/g/live", "adhere/v1/c//live",
        "adhere/v1/+/g/live", "adhere/v1/c/g\n/live", "adhere/v1/-c/g/live",
        "adhere/v1/" + "c" * 64 + "/g/live",
    ],
)  # fmt: skip
def test_any_other_topic_is_refused(topic):
    with pytest.raises(Rejected, match="unknown_topic"):
        topics.parse_topic(topic)


def test_a_name_that_is_no_topic_level_is_refused_with_the_rule():
    with pytest.raises(Misconfigured, match="a-z"):
        topics.live_topic("Centre 1", "g")


# --- keys -------------------------------------------------------------------------------------


def test_a_key_file_is_its_owners_alone_and_loads_again(tmp_path):
    keys = make_keys()

    save_keys(tmp_path / "k", keys)

    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    assert load_keys(tmp_path / "k").public.fingerprint == keys.public.fingerprint
    assert [file.name for file in tmp_path.iterdir()] == ["k"]


def test_a_key_file_is_never_overwritten(tmp_path):
    save_keys(tmp_path / "k", make_keys())
    before = (tmp_path / "k").read_bytes()

    with pytest.raises(FileExistsError):
        save_keys(tmp_path / "k", make_keys())

    assert (tmp_path / "k").read_bytes() == before


def test_a_key_file_open_to_others_is_refused_with_what_to_do(tmp_path):
    save_keys(tmp_path / "k", make_keys())
    (tmp_path / "k").chmod(0o640)

    with pytest.raises(Misconfigured, match="chmod 600"):
        load_keys(tmp_path / "k")


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nxx\n"])
def test_a_file_that_is_no_key_file_is_refused(tmp_path, content):
    (tmp_path / "k").write_bytes(content)
    (tmp_path / "k").chmod(0o600)

    with pytest.raises(Misconfigured, match="not a key file"):
        load_keys(tmp_path / "k")


def test_a_fingerprint_is_eight_groups_of_five_digits_and_tells_keys_apart():
    one, other = make_keys().public.fingerprint, make_keys().public.fingerprint

    assert [len(group) for group in one.split(" ")] == [5] * 8
    assert one.replace(" ", "").isdigit()
    assert one != other


def test_the_spool_key_follows_from_the_box_key_and_is_not_it():
    keys = make_keys()

    assert keys.spool_tag_key() == keys.spool_tag_key() != make_keys().spool_tag_key()
    assert keys.spool_tag_key() != keys.signing.private_bytes_raw()


# --- enrolment --------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path):
    """A box's keys, the hub's, and the two files between them."""
    box, hub = make_keys(), make_keys()
    request, answer = tmp_path / "request.json", tmp_path / "answer.json"
    request.write_bytes(dump(make_request(box)))
    answered = Answer.signed(
        hub, load_request(request), centre="c", gateway="g", broker_host="mqtt", broker_port=8883
    )
    answer.write_bytes(dump(answered))
    return box, hub, request, answer


def test_request_and_answer_carry_the_keys_both_ways(pair):
    box, hub, request, answer = pair

    assert load_request(request).keys.fingerprint == box.public.fingerprint
    accepted = load_answer(answer, box)
    assert accepted.hub_keys.fingerprint == hub.public.fingerprint
    assert (accepted.centre, accepted.gateway, accepted.broker_host) == ("c", "g", "mqtt")


def test_an_answer_to_another_box_is_refused(pair):
    *_, answer = pair

    with pytest.raises(Misconfigured, match="another box"):
        load_answer(answer, make_keys())


@pytest.mark.parametrize("swap", [("8883", "1883"), ('"c"', '"d"'), ('"mqtt"', '"evil"')])
def test_an_answer_changed_on_the_way_is_refused(pair, swap):
    box, _, _, answer = pair
    answer.write_text(answer.read_text().replace(*swap))

    with pytest.raises(Misconfigured, match="changed on the way"):
        load_answer(answer, box)


def test_a_request_for_a_key_its_sender_does_not_hold_is_refused(pair):
    box, _, request, _ = pair
    mine = raw(box.public.signing).hex()
    request.write_text(request.read_text().replace(mine, raw(make_keys().public.signing).hex()))

    with pytest.raises(Misconfigured, match="changed on the way"):
        load_request(request)


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b"\xff", b'{"kind": "x"}'])
def test_a_file_that_is_no_enrolment_file_is_refused(tmp_path, content):
    (tmp_path / "f").write_bytes(content)

    with pytest.raises(Misconfigured, match="not an enrolment file"):
        load_request(tmp_path / "f")


# --- receipts ---------------------------------------------------------------------------------


def test_a_receipt_opens_with_the_hubs_key_alone():
    hub = make_keys()
    receipt = Receipt("c", "g", bytes(16), 5, ((1, bytes(32)),), ((2, bytes(32), "forked_spool"),))

    sealed = seal_receipt(receipt, hub.signing)

    assert open_receipt(sealed, hub.public.signing) == receipt
    with pytest.raises(Rejected, match="bad_signature"):
        open_receipt(sealed, make_keys().public.signing)
