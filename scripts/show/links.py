"""One-time links into the pages: one for each role, for whoever watches the demo."""

from collections.abc import Mapping
from datetime import timedelta

from devices.virtual.cast import DOCTORS, OTHERS
from storage.accounts import issue_link
from storage.database import Connection

LINK_LASTS = timedelta(hours=12)


def one_for_each_role(conn: Connection, url: str, doctor: str) -> Mapping[str, tuple[str, str]]:
    """Return role -> name and link; of the doctors it is the one by this code."""
    chosen: dict[str, tuple[str, str]] = {}
    for one in (*(one for one in DOCTORS if one.code == doctor), *OTHERS):
        if one.role not in chosen:
            chosen[one.role] = (one.name, f"{url}/enter/{issue_link(conn, one.code, LINK_LASTS)}")
    return chosen
