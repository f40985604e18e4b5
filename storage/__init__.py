"""Where readings and results stay: PostgreSQL, with TimescaleDB where the server has it."""
