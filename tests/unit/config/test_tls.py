import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from config.errors import Misconfigured
from config.fields import Tls
from config.tls import advice, client_context, explained


def test_a_fault_that_is_not_of_tls_is_left_as_it_is():
    assert explained("[Errno 111] Connection refused") == "[Errno 111] Connection refused"
    assert advice("[Errno 111] Connection refused") is None


def test_a_ca_file_that_holds_no_certificate_is_said(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")

    with pytest.raises(Misconfigured, match="TLS files"):
        client_context(Tls(ca_file=tmp_path / "ca.pem"))


def test_a_key_with_a_password_is_refused_and_not_asked_for(authority):
    good = authority.tls("hall-1")
    key = load_pem_private_key(good.key_file.read_bytes(), None)
    good.key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )

    with pytest.raises(Misconfigured, match="TLS files"):
        client_context(good)
