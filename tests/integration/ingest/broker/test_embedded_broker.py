import os
import select
import signal
import socket
import subprocess
import sys
import threading

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from config.errors import Misconfigured
from ingest.broker import EmbeddedBroker
from tests.patience import PATIENCE_S


def answer_to(broker, username, password, protocol=mqtt.MQTTv311):
    """Connect; return what the broker says to it."""
    answers, heard = [], threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=protocol)
    if username is not None:
        client.username_pw_set(username, password)

    def on_connect(_client, _userdata, _flags, reason, _properties):
        answers.append(str(reason))
        heard.set()

    client.on_connect = on_connect
    client.connect(broker.host, broker.port)
    client.loop_start()
    assert heard.wait(PATIENCE_S)
    client.disconnect()
    client.loop_stop()
    client.reinitialise()
    return answers[0]


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker() as started:
        yield started


def test_it_lets_in_whom_it_was_made_for(broker):
    assert answer_to(broker, broker.username, broker.password) == "Success"


@pytest.mark.parametrize(
    ("username", "password"), [("adhere", "wrong"), ("somebody", None), (None, None)]
)
def test_it_lets_in_nobody_else(broker, username, password):
    assert answer_to(broker, username, password) == "Not authorized"


def test_a_client_of_mqtt_5_is_told_at_once_that_it_is_not_spoken_here(broker):
    answer = answer_to(broker, broker.username, broker.password, mqtt.MQTTv5)

    assert answer == "Unsupported protocol version"


def test_a_first_word_that_comes_byte_by_byte_or_is_none_harms_nobody(broker):
    name, password = broker.username.encode(), broker.password.encode()
    fields = b"".join(len(text).to_bytes(2) + text for text in (b"slow", name, password))
    body = b"\x00\x04MQTT\x04\xc2\x00\x3c" + fields
    with socket.create_connection((broker.host, broker.port), PATIENCE_S) as slow:
        for byte in b"\x10" + bytes([len(body)]) + body:
            slow.sendall(bytes([byte]))
        assert slow.recv(4) == b"\x20\x02\x00\x00"
    for rubbish in (b"\xff" * 12, b"\x10\x0c\xff\xff" + bytes(10), b"\x30\x02"):
        with socket.create_connection((broker.host, broker.port), PATIENCE_S) as odd:
            odd.sendall(rubbish)

    assert answer_to(broker, broker.username, broker.password) == "Success"


def test_a_right_password_with_another_name_is_not_enough(broker):
    assert answer_to(broker, "somebody", broker.password) == "Not authorized"


def test_two_brokers_have_two_ports_and_two_passwords(broker):
    with EmbeddedBroker() as other:
        assert other.port != broker.port
        assert answer_to(other, broker.username, broker.password) == "Not authorized"


def test_other_machines_cannot_reach_it(broker):
    # Another address of this very machine: only a listener on all addresses would answer there.
    with socket.socket() as own, pytest.raises(OSError, match="refused"):
        own.connect(("127.0.0.2", broker.port))


def test_a_restart_after_a_kill_keeps_port_and_account():
    broker = EmbeddedBroker().start()
    before = (broker.port, broker.username, broker.password)

    broker.kill()
    assert broker.pid is None
    broker.start()

    assert (broker.port, broker.username, broker.password) == before
    assert answer_to(broker, broker.username, broker.password) == "Success"
    broker.stop()


def test_it_ends_with_the_process_that_started_it():
    script = (
        "from ingest.broker import EmbeddedBroker; import time\n"
        "print(EmbeddedBroker().start().pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    broker_pid = int(parent.stdout.readline())
    child = os.pidfd_open(broker_pid)

    parent.kill()
    parent.communicate()

    poll = select.poll()
    poll.register(child)
    assert poll.poll(10_000), "the broker outlived its parent"
    os.close(child)


def test_it_stops_in_order_with_a_client_connected_and_says_nothing():
    process = subprocess.Popen(
        [sys.executable, "-W", "default", "-m", "ingest.broker"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    port = int(process.stdout.readline().split('"port": ')[1].rstrip("}\n"))
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()

    process.terminate()
    _out, err = process.communicate(timeout=PATIENCE_S)
    client.disconnect()
    client.loop_stop()
    client.reinitialise()

    assert process.returncode == 0
    assert err == ""


HELLO = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04slow"
"""A CONNECT of MQTT 3.1.1 by the client `slow`."""


@pytest.mark.parametrize("said", [b"", HELLO[:1], HELLO[:9], HELLO], ids=len)
def test_it_stops_in_time_whatever_a_client_has_said_so_far(said):
    broker = EmbeddedBroker().start()
    child = os.pidfd_open(broker.pid)
    clients = [socket.create_connection((broker.host, broker.port)) for _ in range(20)]
    for client in clients:
        client.sendall(said)

    os.kill(broker.pid, signal.SIGTERM)

    poll = select.poll()
    poll.register(child)
    assert poll.poll(5_000), "it waits for a client"
    os.close(child)
    for client in clients:
        client.close()
    broker.stop()


def test_a_port_in_use_is_said_with_what_to_do(broker):
    result = subprocess.run(
        [sys.executable, "-m", "ingest.broker", "--port", str(broker.port)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 2
    assert "choose another port" in result.stderr


def test_starting_on_a_port_in_use_is_a_misconfiguration(broker):
    with pytest.raises(Misconfigured, match=str(broker.port)):
        EmbeddedBroker(broker.port).start()
