"""The parts of `adhere bench` that `scripts/commands/bench.py` puts together."""
