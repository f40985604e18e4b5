import json
from dataclasses import replace
from pathlib import Path

import pycddl
import pytest

from config.errors import Misconfigured, Rejected
from ingest.batch.keys import make_keys, raw
from ingest.batch.revocation import Revocation, is_revocation, open_revocation, seal_revocation
from ingest.batch.roster import Roster, open_roster, seal_roster
from ingest.batch.rotation import dump_rotation, load_rotation, make_rotation
from ingest.batch.sign1 import parse

CDDL = Path(__file__).parents[4].joinpath("docs/reference/batch.cddl").read_text("utf-8")
OLD, NEW, HUB, STRANGER = (make_keys() for _ in range(4))
EMPTY = Roster("centre", "hall-1", 7, 1_000, 2_000, ())


@pytest.fixture
def request_file(tmp_path):
    def write(keys=OLD, new=NEW, **changed):
        path = tmp_path / "rotation.json"
        said = json.loads(
            dump_rotation(make_rotation(keys, new, centre="centre", gateway="hall-1"))
        )
        path.write_text(json.dumps(said | changed))
        return path

    return write


def test_a_request_for_new_keys_is_what_both_keys_have_signed(request_file):
    read = load_rotation(request_file())

    assert read.keys.fingerprint == NEW.public.fingerprint
    assert read.former_signing_key == raw(OLD.public.signing).hex()
    assert (read.centre, read.gateway) == ("centre", "hall-1")
    assert read.as_request.signing_key == raw(NEW.public.signing).hex()


@pytest.mark.parametrize(
    "changed",
    [
        {"gateway": "hall-2"},
        {"centre": "elsewhere"},
        {"encryption_key": raw(STRANGER.public.encryption).hex()},
        {"signing_key": raw(STRANGER.public.signing).hex()},
        {"former_signing_key": raw(STRANGER.public.signing).hex()},
        {"signature": "00" * 64},
        {"former_signature": "00" * 64},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_request_changed_on_the_way_is_refused(request_file, changed):
    with pytest.raises(Misconfigured, match="changed on the way"):
        load_rotation(request_file(**changed))


def test_what_is_no_request_is_refused(request_file, tmp_path):
    with pytest.raises(Misconfigured, match="no request"):
        load_rotation(request_file(kind="adhere enrolment request 1"))
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_rotation(tmp_path / "none.json")


def test_a_notice_of_revocation_is_the_hubs_alone():
    said = Revocation("centre", "hall-1", (OLD.kid, NEW.kid), 1_000)
    sealed = seal_revocation(said, HUB.signing)

    assert is_revocation(sealed)
    assert open_revocation(sealed, HUB.public.signing) == said
    pycddl.Schema(f"start = revocation\n{CDDL}").validate_cbor(
        bytes(parse(sealed, max_bytes=4096).payload)
    )
    with pytest.raises(Rejected, match="bad_signature"):
        open_revocation(sealed, STRANGER.public.signing)


def test_a_roster_is_no_notice_and_a_notice_no_roster():
    roster = seal_roster(EMPTY, HUB.signing, [NEW.public.encryption])
    notice = seal_revocation(Revocation("centre", "hall-1", (NEW.kid,), 1), HUB.signing)

    assert not is_revocation(roster)
    assert not is_revocation(b"")
    with pytest.raises(Rejected, match="bad_signature"):
        open_revocation(roster, HUB.public.signing)
    with pytest.raises(Rejected, match="bad_signature"):
        open_roster(notice, HUB.public.signing, NEW)


def test_of_very_many_revoked_keys_the_latest_are_named():
    kids = tuple(bytes([n]) * 8 for n in range(100))

    sealed = seal_revocation(Revocation("centre", "hall-1", kids, 1), HUB.signing)

    assert open_revocation(sealed, HUB.public.signing).kids == kids[-64:]


def test_while_keys_are_changed_a_roster_opens_with_either():
    changing = replace(NEW, former=OLD)
    to_both = seal_roster(EMPTY, HUB.signing, [NEW.public.encryption, OLD.public.encryption])
    from_before = seal_roster(EMPTY, HUB.signing, [OLD.public.encryption])

    assert open_roster(to_both, HUB.public.signing, OLD) == EMPTY
    assert open_roster(to_both, HUB.public.signing, NEW) == EMPTY
    assert open_roster(from_before, HUB.public.signing, changing) == EMPTY
    with pytest.raises(Rejected, match="another_key"):
        open_roster(from_before, HUB.public.signing, NEW)
