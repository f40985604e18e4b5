"""Which quantity stays in which table. Migration 0003 makes these tables and no others."""

TABLE_OF = {
    "heart_rate_bpm": "heart_rate",
    "steps_increment": "steps",
    "steps_counter": "steps_counter",
    "rr_interval_ms": "rr_interval",
    "battery_pct": "battery",
}
