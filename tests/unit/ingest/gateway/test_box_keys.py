import json
import stat

import pytest

from config.errors import Misconfigured
from ingest.batch.columns import chunk_of
from ingest.batch.content import Content, content_sha256, pack
from ingest.batch.envelope import kid_of, open_sealed, seal
from ingest.batch.keys import load_keys, make_keys, raw, save_keys
from ingest.batch.reading import Quantity, Reading
from ingest.batch.revocation import Revocation, seal_revocation
from ingest.gateway.box_keys import (
    finish_change,
    forget_former,
    keys_answered,
    load_box_keys,
    next_keys,
)
from ingest.gateway.resigning import resigned
from ingest.gateway.revoked import RevocationBook


@pytest.fixture
def box(tmp_path):
    save_keys(tmp_path / "gateway.key", make_keys())
    return tmp_path


def answered(folder, keys):
    said = {"gateway_signing_key": raw(keys.public.signing).hex()}
    (folder / "enrolment.json").write_text(json.dumps(said))


def changed(folder):
    new = next_keys(folder)
    answered(folder, new)
    return new


def test_keys_of_a_change_are_made_once_and_for_their_owner_alone(box):
    first = next_keys(box)

    assert next_keys(box).public == first.public
    assert stat.S_IMODE((box / "gateway.key.next").stat().st_mode) == 0o600


def test_until_the_district_answers_the_box_goes_by_the_keys_it_has(box):
    old = load_keys(box / "gateway.key")
    answered(box, old)
    next_keys(box)

    assert not finish_change(box)
    assert load_box_keys(box).kid == old.kid
    assert load_box_keys(box).former is None


def test_with_the_answer_in_place_the_next_start_goes_by_the_new_keys(box):
    old = load_keys(box / "gateway.key")
    new = changed(box)

    keys = load_box_keys(box)

    assert keys.kid == new.kid
    assert keys.former.kid == old.kid
    assert keys.spool_tag_key() == old.spool_tag_key()
    assert load_box_keys(box).kid == new.kid, "and so does the one after it"
    assert not (box / "gateway.key.next").exists()


def test_the_spool_stays_readable_through_any_number_of_changes(box):
    tag = load_box_keys(box).spool_tag_key()

    for _ in range(3):
        changed(box)
        assert load_box_keys(box).spool_tag_key() == tag
    forget_former(box)

    assert load_box_keys(box).former is None
    assert load_box_keys(box).spool_tag_key() == tag


@pytest.mark.parametrize("done", ["spool.key", "gateway.key.former"])
def test_a_change_cut_short_is_finished_by_the_next_start(box, done):
    old = load_keys(box / "gateway.key")
    new = changed(box)
    load_box_keys(box)
    # As if the power had gone before the last step, or before the last two.
    (box / "gateway.key").replace(box / "gateway.key.next")
    (box / "gateway.key.former").replace(box / "gateway.key")
    if done == "gateway.key.former":
        (box / "gateway.key.former").hardlink_to(box / "gateway.key")

    keys = load_box_keys(box)

    assert (keys.kid, keys.former.kid) == (new.kid, old.kid)
    assert keys.spool_tag_key() == old.spool_tag_key()


def test_an_answer_is_read_with_the_keys_it_was_made_for(box):
    old, new = load_keys(box / "gateway.key"), next_keys(box)
    answer = box / "answer.json"
    for keys in (old, new):
        answer.write_text(json.dumps({"gateway_signing_key": raw(keys.public.signing).hex()}))
        assert keys_answered(box, answer).kid == keys.kid
    answer.write_text("no answer")
    assert keys_answered(box, answer).kid == old.kid


def test_a_spool_key_that_is_none_is_refused(box):
    (box / "spool.key").write_text("not hex")

    with pytest.raises(Misconfigured, match="not a key file"):
        load_box_keys(box)


def test_a_batch_signed_before_goes_out_under_the_keys_of_now_and_stays_the_same_batch():
    old, new = make_keys(), make_keys()
    chunk = chunk_of([Reading("band", Quantity.HEART_RATE_BPM, 80.0, 1_767_268_800_000)])
    packed = pack(
        Content(1, "centre", "hall-1", bytes(16), 0, None, 1, 1, chunk.devices, chunk.columns)
    )
    sealed = seal(packed, old.signing, old.kid)

    again = resigned(sealed, new)

    assert kid_of(again) == new.kid
    assert content_sha256(open_sealed(again, new.public.signing)) == content_sha256(packed)
    assert resigned(sealed, old) is sealed


def test_a_box_knows_that_it_is_revoked_also_after_its_next_start(box):
    keys, hub = load_keys(box / "gateway.key"), make_keys()
    path = box / "revoked.cose"

    def book(of=keys):
        return RevocationBook(path, hub.public.signing, of, centre="centre", gateway="hall-1")

    notice = seal_revocation(Revocation("centre", "hall-1", (keys.kid,), 1_000), hub.signing)
    first = book()
    assert not first.is_revoked

    assert first.take(notice)

    assert first.is_revoked
    assert book().is_revoked
    assert not book(make_keys()).is_revoked, "with new keys it is not meant any more"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("fault", ["another hub", "another box", "another key"])
def test_a_notice_that_does_not_mean_this_box_silences_nobody(box, fault):
    keys, hub = load_keys(box / "gateway.key"), make_keys()
    signer = make_keys() if fault == "another hub" else hub
    gateway = "hall-2" if fault == "another box" else "hall-1"
    kid = make_keys().kid if fault == "another key" else keys.kid
    book = RevocationBook(
        box / "revoked.cose", hub.public.signing, keys, centre="centre", gateway="hall-1"
    )

    taken = book.take(seal_revocation(Revocation("centre", gateway, (kid,), 1), signer.signing))

    assert taken, "it is no roster"
    assert not book.is_revoked
    assert not (box / "revoked.cose").exists()
    assert not book.take(b"a roster")
