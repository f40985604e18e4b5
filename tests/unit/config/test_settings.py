"""Settings: every fault at once, no value ever shown, secrets from the environment alone."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from config.errors import Misconfigured
from config.language import set_language
from config.settings import database_dsn, load_district, load_gateway

ROOT = Path(__file__).resolve().parents[3]
DSN = {"ADHERE_DATABASE_DSN": "postgresql://adhere:dsn-secret@db/adhere"}
GATEWAY = """
centre = "lujiazui"
gateway = "hall-1"
data_dir = "/tmp/adhere"
[broker]
host = "127.0.0.1"
"""


@pytest.fixture(autouse=True)
def english():
    set_language("en")


def written(tmp_path, text):
    path = tmp_path / "settings.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_example_files_load():
    gateway = load_gateway(ROOT / "config/gateway.example.toml", {})
    district = load_district(ROOT / "config/district.example.toml", DSN)

    assert gateway.spool.quota_mb == 1024
    assert district.nightly.at == "02:00"


def test_every_fault_is_reported_at_once(tmp_path):
    path = written(
        tmp_path,
        'centre = "Lu Jia Zui"\ngateway = 7\ndata_dri = "/x"\n'
        '[broker]\nhost = "127.0.0.1"\nport = 99999\n[spool]\nquota_mb = "many"\n',
    )

    with pytest.raises(Misconfigured) as caught:
        load_gateway(path, {})

    told = str(caught.value).splitlines()
    for fault in (
        "centre: does not have the form ^[a-z0-9][a-z0-9_-]{0,62}$",
        "gateway: must be text in quotes",
        "data_dir: is missing: add it",
        "data_dri: is no setting; did you mean data_dir?",
        "broker.port: must be at most 65535",
        "spool.quota_mb: must be a whole number",
    ):
        assert f"{path}: {fault}" in told
    assert len(told) == 6


def test_a_faulty_value_is_never_shown(tmp_path):
    path = written(tmp_path, GATEWAY.replace('"lujiazui"', '"Hunter2 Pass"'))

    with pytest.raises(Misconfigured) as caught:
        load_gateway(path, {"ADHERE_BROKER_PASSWORD": "also-secret"})

    assert "Hunter2" not in str(caught.value)
    assert "also-secret" not in str(caught.value)


def test_broken_toml_is_told_by_its_place_and_not_by_its_text(tmp_path):
    path = written(tmp_path, 'centre = "lujiazui"\npassword = hunter2\n')

    with pytest.raises(Misconfigured, match=r"not valid TOML \(at line 2") as caught:
        load_gateway(path, {})

    assert "hunter2" not in str(caught.value)


def test_a_secret_in_a_file_is_refused_and_the_variable_named(tmp_path):
    path = written(tmp_path, GATEWAY + 'password = "hunter2"\n')

    with pytest.raises(Misconfigured, match="set ADHERE_BROKER_PASSWORD instead") as caught:
        load_gateway(path, {})

    assert "hunter2" not in str(caught.value)


def test_a_secret_of_the_environment_is_hidden_when_settings_are_shown(tmp_path):
    path = written(tmp_path, GATEWAY)

    settings = load_gateway(path, {"ADHERE_BROKER_PASSWORD": "hunter2"})

    assert settings.broker.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings)


def test_a_missing_secret_names_its_variable():
    with pytest.raises(Misconfigured, match="set the environment variable ADHERE_DATABASE_DSN"):
        load_district(ROOT / "config/district.example.toml", {})


def test_another_machine_without_tls_is_refused_until_said_so(tmp_path):
    away = GATEWAY.replace("127.0.0.1", "mqtt.district.example")

    with pytest.raises(Misconfigured, match="goes to another machine without TLS"):
        load_gateway(written(tmp_path, away), {})

    trusted = load_gateway(written(tmp_path, away + "allow_plaintext = true\n"), {})
    assert trusted.broker.tls is None


def test_half_a_certificate_is_refused(tmp_path):
    path = written(tmp_path, GATEWAY + '[broker.tls]\nca_file = "/ca.pem"\ncert_file = "/me.pem"\n')

    with pytest.raises(Misconfigured, match=r"broker\.tls: needs cert_file and key_file together"):
        load_gateway(path, {})


def test_an_unknown_time_zone_is_refused(tmp_path):
    text = (ROOT / "config/district.example.toml").read_text("utf-8")
    path = written(tmp_path, text.replace("Asia/Shanghai", "Asia/Shangai"))

    with pytest.raises(Misconfigured, match="time_zone: is no time zone of this machine"):
        load_district(path, DSN)


@pytest.mark.parametrize("at", ["2:00", "24:00", "02:60", "noon"])
def test_a_clock_time_that_is_none_is_refused(tmp_path, at):
    text = (ROOT / "config/district.example.toml").read_text("utf-8")
    path = written(tmp_path, text.replace('"02:00"', f'"{at}"'))

    with pytest.raises(Misconfigured, match=r"nightly\.at"):
        load_district(path, DSN)


@pytest.mark.parametrize("closes", ["08:00", "07:59"])
def test_opening_hours_that_end_before_they_begin_are_refused(tmp_path, closes):
    text = (ROOT / "config/district.example.toml").read_text("utf-8")
    hours = f'[nightly]\nopens = "08:00"\ncloses = "{closes}"\n'
    path = written(tmp_path, text.replace("[nightly]\n", hours))

    with pytest.raises(Misconfigured, match="nightly: opens must be earlier than closes"):
        load_district(path, DSN)


def test_mail_without_encryption_stays_on_this_machine(tmp_path):
    text = (ROOT / "config/district.example.toml").read_text("utf-8")
    plain = '[alerts.mail]\nencryption = "none"\n'
    path = written(tmp_path, text.replace("[alerts.mail]\n", plain))

    with pytest.raises(Misconfigured, match=r"alerts\.mail: goes to another machine"):
        load_district(path, DSN)


def test_a_certificate_of_the_pages_without_its_key_is_refused(tmp_path):
    text = (ROOT / "config/district.example.toml").read_text("utf-8")
    half = '[portal]\ncert_file = "cert.pem"\n'
    path = written(tmp_path, text.replace("[portal]\n", half))

    with pytest.raises(Misconfigured, match="portal: needs cert_file and key_file together"):
        load_district(path, DSN)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_gateway(tmp_path / "none.toml", {})


def test_a_file_in_another_encoding_says_so(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_bytes('centre = "陆家嘴"'.encode("gb18030"))

    with pytest.raises(Misconfigured, match="not UTF-8"):
        load_gateway(path, {})


def test_settings_cannot_be_changed_once_read(tmp_path):
    settings = load_gateway(written(tmp_path, GATEWAY), {})

    with pytest.raises(ValidationError, match="frozen"):
        settings.centre = "other"


def test_a_table_given_as_text_is_told(tmp_path):
    path = written(tmp_path, 'centre = "a"\ngateway = "b"\ndata_dir = "/x"\nbroker = "host"\n')

    with pytest.raises(Misconfigured, match="broker: must be a table of settings"):
        load_gateway(path, {"ADHERE_BROKER_PASSWORD": "x"})


def test_the_dsn_alone_is_read_from_the_environment():
    assert database_dsn(DSN).get_secret_value() == DSN["ADHERE_DATABASE_DSN"]

    with pytest.raises(Misconfigured, match="set ADHERE_DATABASE_DSN"):
        database_dsn({})


def test_side_figures_are_kept_from_a_payer(tmp_path):
    text = (ROOT / "config/district.example.toml").read_text("utf-8")
    shown = text.replace("[nightly]\n", "[nightly]\nside_sheet = true\n")
    paid = shown.replace("schemes = []", 'schemes = ["scheme.toml"]')

    assert load_district(written(tmp_path, shown), DSN).nightly.side_sheet
    with pytest.raises(Misconfigured, match=r"side_sheet and payment\.schemes exclude each other"):
        load_district(written(tmp_path, paid), DSN)


DISTRICT = """
data_dir = "/tmp/adhere"
[broker]
host = "127.0.0.1"
[nightly]
report_dir = "/tmp"
[storage]
"""


def test_readings_are_kept_as_long_as_the_law_asks(tmp_path):
    kept = load_district(written(tmp_path, DISTRICT + "retain_readings_days = 1096\n"), DSN)
    assert kept.storage.retain_readings_days == 1096

    with pytest.raises(Misconfigured) as caught:
        load_district(written(tmp_path, DISTRICT + "retain_readings_days = 1095\n"), DSN)

    assert "storage: retain_readings_days is below the legal floor" in str(caught.value)
    assert "at least 1096 days (Personal Information Protection Law" in str(caught.value)
