"""The wire contract between a gateway and the hub, both ends. Standard types only, no NumPy."""
