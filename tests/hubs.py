"""Hubs for tests: in a thread, or as the process that an operator runs; and enrolled boxes."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from types import SimpleNamespace

from config.district_settings import HubSettings
from config.fields import Broker
from ingest.batch.keys import save_keys
from ingest.batch.to_hub import HubSecrets
from ingest.hub import HUB_KEY_FILE
from ingest.hub.allowance import Allowance
from ingest.hub.counters import Counters, Times
from ingest.hub.keyring import Keyring
from ingest.hub.prepared import Prepared
from ingest.hub.run import Hub
from ingest.hub.worker import Worker
from storage.gateways import enrol_gateway, find_gateway_key
from tests.boxes import Box
from tests.patience import PATIENCE_S

CENTRE = "east"


def open_centre(db):
    """Enter the centre that all boxes of a test stand in."""
    db.execute(
        "INSERT INTO organisation (kind, code, name) VALUES ('centre', %s, 'East')", (CENTRE,)
    )


def enrolled_box(db, gateway="box-1"):
    """Make a box with new keys and enrol it."""
    box = Box(CENTRE, gateway)
    signing, encryption = box.public_keys
    enrol_gateway(
        db, centre=CENTRE, gateway=gateway, signing_key=signing, encryption_key=encryption
    )
    return box


def settings_for(broker):
    return Broker(
        host=broker.host,
        port=broker.port,
        username=getattr(broker, "username", None),
        password=getattr(broker, "password", None),
        tls=getattr(broker, "tls", None),
    )


class BareHub:
    """The hub's own way from messages to rows and receipts, without a broker or a thread."""

    def __init__(self, db, hub_keys, *, allowance=None, publish=None):
        self.counters, self.times, self.sent = Counters(), Times(), []
        self.keyring = Keyring(lambda *name: find_gateway_key(db, *name), 10)
        self.secrets = HubSecrets([hub_keys.encryption])
        self.worker = Worker(
            db,
            hub_keys.signing,
            publish or (lambda *message: self.sent.append(message)),
            self.counters,
            self.times,
            lambda *_: None,
            allowance or Allowance(),
        )

    def prepared(self, messages):
        prepared = Prepared(self.secrets)
        for message in messages:
            prepared.add(message, self.keyring, self.counters, self.times)
        return prepared

    def turn(self, *messages):
        """Settle them once; return the batches that wait for their days."""
        return self.worker.settle(self.prepared(messages))

    def take(self, *messages):
        """Settle them, and what is left each by itself until nothing is."""
        prepared = self.prepared(messages)
        left = [prepared.only(one) for one in self.worker.settle(prepared)]
        while left:
            one = left.pop(0)
            left += [one.only(again) for again in self.worker.settle(one)]


@contextmanager
def hub_at_work(dsn, broker, keys, **settings):
    """Run a hub in a thread; yield it with its `stop`; raise what it raised."""
    stop, ready, raised = threading.Event(), threading.Event(), []
    hub = Hub(
        dsn,
        settings_for(broker),
        HubSettings(key_refresh_s=0, **settings),
        keys.signing,
        stop,
        time_zone="Asia/Shanghai",
        reads_with=[keys.encryption],
    )

    def run():
        try:
            hub.run(ready.set)
        except BaseException as error:  # noqa: BLE001 - raised again below, in the test's thread
            raised.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(PATIENCE_S)
        if not raised:
            yield SimpleNamespace(hub=hub, counters=hub.counters, stop=stop)
    finally:
        stop.set()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


class HubProcess:
    """`adhere hub` as a process of its own, so that a test can kill it."""

    def __init__(self, folder, dsn, broker, keys):
        self.folder, self.broker = folder, broker
        self.environ = os.environ | {
            "ADHERE_DATABASE_DSN": dsn,
            "ADHERE_BROKER_PASSWORD": getattr(broker, "password", ""),
        }
        save_keys(folder / HUB_KEY_FILE, keys)
        username = getattr(broker, "username", None)
        (folder / "district.toml").write_text(
            f'data_dir = "{folder}"\n'
            "[broker]\n"
            f'host = "{broker.host}"\n'
            f"port = {broker.port}\n"
            + (f'username = "{username}"\n' if username else "")
            + f'[nightly]\nreport_dir = "{folder}"\n',
            "utf-8",
        )
        self.process = None

    def start(self):
        """Start, and wait until it is subscribed."""
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "scripts.main", "hub", "--json"),
                *("--settings", str(self.folder / "district.toml")),
            ],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        seen = []
        for line in self.process.stderr:
            seen.append(line)
            if "hub_ready" in line:
                return self
        raise AssertionError("".join(seen))

    def freeze(self):
        """SIGSTOP; return when every thread of it stands still, not when it is told to."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def kill(self):
        self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)

    def stop(self):
        """SIGTERM; return exit code, standard output and the rest of standard error."""
        self.process.terminate()
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err
