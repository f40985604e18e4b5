"""Files in and out of `adhere score`: reading, checking, running the core, writing."""
