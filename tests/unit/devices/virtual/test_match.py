"""Match rules, as the D-Bus specification tells them."""

import pytest
from dbus_fast import Message

from devices.virtual.bluez.match import parse

SENDERS = frozenset({":1.0", "org.bluez"})
SIGNAL = Message.new_signal(
    "/org/bluez/hci0", "org.bluez.Test", "Happened", "so", ["org.bluez.Name", "/org/bluez/hci0"]
)


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "type=signal,interface=org.bluez.Test,member=Happened",
        "type='signal',path='/org/bluez/hci0'",
        "path_namespace=/org/bluez",
        "path_namespace='/'",
        "sender=org.bluez",
        "sender=:1.0",
        "arg0=org.bluez.Name",
        "arg0namespace=org.bluez",
        "arg1path=/org/bluez/",
        "arg1path=/org/bluez/hci0",
        "eavesdrop='true'",
        "arg0='org.bluez.Name', member='Happened'",
    ],
)
def test_a_rule_that_fits_matches(rule):
    assert parse(rule).matches(SIGNAL, SENDERS)


@pytest.mark.parametrize(
    "rule",
    [
        "type=method_call",
        "member=Other",
        "path=/org/bluez",
        "path_namespace=/org/blue",
        "sender=org.freedesktop.DBus",
        "destination=:1.5",
        "arg0=org.bluez",
        "arg0namespace=org.blue",
        "arg1path=/org/bluez/hci1",
        "arg1path=/org/bluez",
        "arg5=anything",
    ],
)
def test_a_rule_that_does_not_fit_does_not_match(rule):
    assert not parse(rule).matches(SIGNAL, SENDERS)


@pytest.mark.parametrize("rule", ["colour=red", "just words", "type", "argX=1"])
def test_a_rule_nobody_understands_is_refused(rule):
    with pytest.raises(ValueError, match=r"rule|key"):
        parse(rule)
