"""From broker to database: verify, store, receipt; docs/why/receipts.md says why in this order."""

HUB_KEY_FILE = "hub.key"
"""Under the district's data folder: what receipts are signed with."""
