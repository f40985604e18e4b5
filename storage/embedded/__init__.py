"""A PostgreSQL server of our own, out of a pip-installed wheel: for demo, replay and tests."""

from storage.embedded.account import Account
from storage.embedded.server import EmbeddedPostgres

__all__ = ["Account", "EmbeddedPostgres"]
