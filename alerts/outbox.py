"""The outbox's postman: one thread a channel, each message handed over once, or honestly.

Before a message is handed over its row says so, committed. So whatever happens, the row tells:
sent (the channel took it), refused (it will not), queued (it was not taken, and is tried again
later), or unknown (it was handed over and nobody can say). Of an unknown one a second message is
sent, once, that says it may be the second: a doubled message costs a glance, a lost one more.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Self

import structlog

from alerts.message import BoxNotice, Message, Notice, Writer
from alerts.sending import Answer, Channel, Fate
from config.errors import Unavailable
from config.waiting import spread_s
from storage.database import Connection, border, connect
from storage.queries import query
from storage.roles import Role

log = structlog.get_logger()

IDLE_S = 1.0
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 60.0
DATABASE_WAIT_S = 1.0


class Postman:
    """A thread that hands over the messages of one channel; a context manager.

    Leaving it waits for the message at hand. Only the process that holds the watch's lock may run
    one: another's messages at hand would look interrupted.
    """

    def __init__(self, dsn: str, channel: Channel, writer: Writer, stop: threading.Event) -> None:
        self.name = channel.name
        self._dsn, self._channel, self._writer, self._stop = dsn, channel, writer, stop
        self._conn: Connection | None = None
        self._work = threading.Event()
        self._may_have_lost_one = True
        self._thread = threading.Thread(target=self._run, name=f"post-{channel.name}")
        self.fates = dict.fromkeys(Fate, 0)
        """How many attempts ended how."""
        self.fault: Exception | None = None
        """What ended the thread, beside `stop`; whoever set it going raises it."""

    def look(self) -> None:
        """Say that there may be something to send."""
        self._work.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._work.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if self._may_have_lost_one:
                    self._may_have_lost_one = not self._repeat(self._recall)
                if not self._repeat(self._deliver_next):
                    self._work.wait(IDLE_S)
                    self._work.clear()
        except Exception as error:  # noqa: BLE001 - carried to the thread that started us
            self.fault = error
            self._stop.set()
        finally:
            self._disconnect()

    def _repeat(self, work: Callable[[Connection], bool]) -> bool:
        """Do something with the database, however often it goes away meanwhile."""
        while True:
            try:
                with border():
                    return work(self._connection())
            except Unavailable as error:
                log.warning("outbox_database_away", why=str(error), channel=self.name)
                self._disconnect()
                self._may_have_lost_one = True  # marked as handed over, the answer cut off
                if self._stop.wait(DATABASE_WAIT_S):
                    return False

    def _recall(self, conn: Connection) -> bool:
        """Settle what an earlier life, or connection, was handing over when it ended.

        Nothing is at hand when this is called.
        """
        rows = conn.execute(query("interrupted_deliveries"), {"channel": self.name}).fetchall()
        for (delivery_id,) in rows:
            fate = self._channel.recall(delivery_id)
            log.warning("delivery_interrupted", delivery=delivery_id, found=fate.value)
            self._settle(conn, delivery_id, Answer(fate, "interrupted"), attempts=0)
        return True

    def _deliver_next(self, conn: Connection) -> bool:
        """Hand one message over; False when there is none."""
        claimed = self._claim(conn)
        if claimed is None:
            return False
        delivery_id, about, message, attempts = claimed
        answer = self._channel.send(delivery_id, message)
        self.fates[answer.fate] += 1
        log.info(
            "delivery",
            delivery=delivery_id,
            **about,
            channel=self.name,
            fate=answer.fate.value,
            detail=answer.detail,
            attempts=attempts,
        )
        # What the channel said is known here, and is written when the database is back.
        self._repeat(lambda again: self._settle(again, delivery_id, answer, attempts=attempts))
        return True

    def _claim(self, conn: Connection) -> tuple[int, dict[str, int], Message, int] | None:
        """Take the next message, of a patient's alert first, then of a box."""
        row = conn.execute(query("claim_delivery"), {"channel": self.name}).fetchone()
        if row is not None:
            *said, attempts = row
            notice = Notice(*said)
            about = {"alert": notice.alert_id}
            return notice.delivery_id, about, self._writer.write(notice), attempts
        row = conn.execute(query("claim_finding_delivery"), {"channel": self.name}).fetchone()
        if row is not None:
            *said, attempts = row
            box = BoxNotice(*said)
            about = {"finding": box.finding_id}
            return box.delivery_id, about, self._writer.write_of_box(box), attempts
        return None

    def _settle(self, conn: Connection, delivery_id: int, answer: Answer, *, attempts: int) -> bool:
        is_later = answer.fate is Fate.LATER
        given = {
            "delivery_id": delivery_id,
            "state": "queued" if is_later else answer.fate.value,
            "detail": answer.detail,
            "wait": timedelta(seconds=_back_off_s(attempts) if is_later else 0),
        }
        with conn.transaction():
            conn.execute(query("settle_delivery"), given)
            if answer.fate is Fate.UNKNOWN:
                conn.execute(query("queue_again"), given)
            elif answer.fate is Fate.REFUSED:
                conn.execute(query("hasten_escalation"), given)
        return True

    def _connection(self) -> Connection:
        if self._conn is None:
            self._conn = connect(
                self._dsn, application=f"adhere watch {self.name}", role=Role.ALERTS
            )
        return self._conn

    def _disconnect(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None


def _back_off_s(attempts: int) -> float:
    """Return how long to wait after so many attempts; without any, not at all."""
    if not attempts:
        return 0
    return spread_s(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(attempts - 1, 10)))
