"""`adhere watch` as a process of its own, so that a test can kill it; and its settings."""

import json
import os
import subprocess
import sys

from tests.patience import PATIENCE_S


class WatchProcess:
    """A watch with a file for its messages, and a mail server where one is named."""

    def __init__(self, folder, dsn, *, mail_port=None, language="en", on_call=()):
        self.folder = folder
        self.file = folder / "messages.jsonl"
        self.environ = os.environ | {"ADHERE_DATABASE_DSN": dsn, "ADHERE_LANGUAGE": "en"}
        mail = (
            f'[alerts.mail]\nhost = "127.0.0.1"\nport = {mail_port}\n'
            'sender = "adhere@east.example"\nencryption = "none"\n'
            if mail_port
            else ""
        )
        (folder / "district.toml").write_text(
            f'data_dir = "{folder}"\n'
            '[broker]\nhost = "127.0.0.1"\nport = 1\n'
            f'[nightly]\nreport_dir = "{folder}"\n'
            '[portal]\npublic_url = "https://adhere.east.example"\n'
            f'[alerts]\nlanguage = "{language}"\nfile = "{self.file}"\n'
            f"on_call = {json.dumps(list(on_call))}\n{mail}",
            "utf-8",
        )
        self.process = None

    def start(self):
        """Start, and wait until it watches."""
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "scripts.main", "watch", "--json"),
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
            if "watch_ready" in line:
                return self
        self.process.communicate()
        raise AssertionError("".join(seen))

    def kill(self):
        """SIGKILL; return what it had logged."""
        self.process.kill()
        return self.process.communicate(timeout=PATIENCE_S)[1]

    def stop(self):
        """SIGTERM; return exit code, standard output and the rest of standard error."""
        self.process.terminate()
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err

    def ends(self):
        """Wait until it ends by itself; as `stop`."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err

    def messages(self):
        """The whole lines of the file so far."""
        if not self.file.exists():
            return []
        *lines, _unfinished = self.file.read_text("utf-8").split("\n")
        return [json.loads(line) for line in lines]
