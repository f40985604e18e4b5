"""The box in a centre: store what is heard, send it, delete it on the hub's receipt alone."""

KEY_FILE = "gateway.key"
"""Under the data folder: this box's private keys. They never leave it."""
ENROLMENT_FILE = "enrolment.json"
"""The district's answer, as accepted."""
CA_FILE = "broker-ca.pem"
"""Certificates to trust for the broker, where the answer brought some."""
