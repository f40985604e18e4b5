import pytest

from config.errors import Misconfigured
from ingest.batch.keys import load_keys, make_keys, raw, save_keys
from ingest.hub import HUB_KEY_FILE
from ingest.hub.keys import change_encryption_key, load_hub_keys


@pytest.fixture
def folder(tmp_path):
    save_keys(tmp_path / HUB_KEY_FILE, make_keys())
    return tmp_path


def names(keys):
    return [raw(key.public_key()) for key in keys]


def test_a_hub_reads_with_its_own_key(folder):
    keys, reads_with = load_hub_keys(folder)

    assert names(reads_with) == [raw(keys.public.encryption)]


def test_a_changed_key_leaves_the_signing_key_and_the_former_reads_on(folder):
    before = load_keys(folder / HUB_KEY_FILE)

    change_encryption_key(folder)
    change_encryption_key(folder)
    keys, reads_with = load_hub_keys(folder)

    assert raw(keys.public.signing) == raw(before.public.signing)
    assert raw(keys.public.encryption) != raw(before.public.encryption)
    assert len(set(names(reads_with))) == 3
    assert names(reads_with)[0] == raw(keys.public.encryption)
    assert raw(before.public.encryption) in names(reads_with)


def test_a_change_that_was_cut_off_is_made_again(folder):
    (folder / f"{HUB_KEY_FILE}.new").write_bytes(b"cut off")

    change_encryption_key(folder)

    assert len(load_hub_keys(folder)[1]) == 2
    assert sorted(path.stat().st_mode & 0o777 for path in folder.iterdir()) == [0o600, 0o600]


def test_a_hub_without_a_key_says_how_to_make_one(tmp_path):
    with pytest.raises(Misconfigured, match="adhere hub init"):
        load_hub_keys(tmp_path)
