"""How readings arrive and are never lost: the wire contract, the gateway, the hub."""
