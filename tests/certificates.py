"""Certificate authorities for tests of TLS, and a mosquitto that wants a certificate."""

import datetime as dt
import ipaddress
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from config.fields import Tls
from tests.mosquitto import Mosquitto, installed
from tests.ports import port_of

DAY = dt.timedelta(days=1)


class Authority:
    """A CA with its files in `folder`."""

    def __init__(self, folder, name="Test CA"):
        self.folder = folder / name
        self.folder.mkdir()
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), _named(name)
        self.ca_file = self._pem("ca.pem", self._certificate(self.key, self.name, is_ca=True))

    def issue(self, name, *hosts, days=1):
        """Return certificate and key files; `hosts` are addresses or names."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(key, _named(name), hosts=hosts, days=days)
        key_file = self.folder / f"{name}.key"
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return self._pem(f"{name}.pem", certificate), key_file

    def tls(self, name):
        """Return the settings of somebody with a certificate of this CA, who trusts it."""
        certificate, key = self.issue(name)
        return Tls(ca_file=self.ca_file, cert_file=certificate, key_file=key)

    def _certificate(self, key, name, *, is_ca=False, hosts=(), days=1):
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if hosts:
            names = [_host(host) for host in hosts]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def _pem(self, name, certificate):
        path = self.folder / name
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return path


def _named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class TlsMosquitto(Mosquitto):
    """Speaks TLS on its port, and wants a certificate of `authority`."""

    def __init__(self, program, folder, authority, *hosts, days=1):
        certificate, key = authority.issue("broker", *hosts, days=days)
        self.plain = SimpleNamespace(host=self.host, port=port_of(self))
        """Without TLS, for the far end of a test."""
        super().__init__(
            program,
            folder,
            f"cafile {authority.ca_file}\ncertfile {certificate}\nkeyfile {key}\n"
            "require_certificate true\n"
            f"listener {self.plain.port} {self.host}\n",
        )

    def start(self):
        """Start; return when it accepts connections on both ports."""
        super().start()
        self.wait_for(self.plain.port)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def tls_broker(authority, tmp_path_factory):
    """Make and start a broker whose certificate is for the hosts given, valid for so many days."""
    started = []

    def start(*hosts, days=1):
        folder = tmp_path_factory.mktemp("tls")
        started.append(TlsMosquitto(installed(), folder, authority, *hosts, days=days))
        started[-1].start()
        return started[-1]

    yield start
    for broker in started:
        broker.stop()
