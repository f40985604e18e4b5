"""The hub and a real broker that speaks TLS and wants certificates."""

import pytest

from config.errors import Misconfigured
from config.fields import Tls
from tests.boxes import listening
from tests.certificates import Authority
from tests.hubs import hub_at_work


def with_tls(broker, tls):
    broker.tls = tls
    return broker


def test_with_certificates_a_batch_is_stored_and_receipted(
    database, authority, tls_broker, box, hub_keys
):
    broker = with_tls(tls_broker("127.0.0.1"), authority.tls("hub"))
    sealed, name = box.batch(0)

    with (
        hub_at_work(database, broker, hub_keys) as hub,
        listening(broker.plain, box, hub_keys.public.signing) as ear,
    ):
        ear.send(sealed)
        ear.wait_for(name)

    assert hub.counters.stored == 1


@pytest.mark.parametrize("case", ["another CA", "no certificate", "another address"])
def test_a_fault_ends_the_hub_and_says_what_to_do(
    case, database, authority, tls_broker, hub_keys, tmp_path
):
    good = authority.tls("hub")
    host, tls, advice = {
        "another CA": (
            "127.0.0.1",
            good.model_copy(update={"ca_file": Authority(tmp_path, "another").ca_file}),
            "broker.tls.ca_file",
        ),
        "no certificate": (
            "127.0.0.1", Tls(ca_file=good.ca_file), "cert_file and key_file"
        ),
        "another address": ("127.0.0.2", good, "broker.host"),
    }[case]  # fmt: skip
    broker = with_tls(tls_broker(host), tls)

    with pytest.raises(Misconfigured, match=advice), hub_at_work(database, broker, hub_keys):
        pass
