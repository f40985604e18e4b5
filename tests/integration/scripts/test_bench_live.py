"""`adhere bench live`: the short form stores what was said, and sees an alarm that is due."""

import asyncio
import json

from scripts.bench.live import shown
from scripts.bench.live.run import Plan, run

PLAN = Plan(
    bands=40,
    gateways=2,
    backlog=24_000,
    a_batch=1_000,
    seconds=3,
    workers=1,
    alarms_a_s=4,
    seal_after_s=1.0,
    warm_up_s=32,  # the rule waits for 30 s
    settle_s=4,
)


def test_a_small_town_is_measured_from_reading_to_alert(tmp_path):
    tmp_path.chmod(0o755)
    figures = asyncio.run(run(PLAN, tmp_path, lambda *_: None))
    told = json.loads(json.dumps(shown.as_json(figures), allow_nan=False))

    assert told["stored"] == told["sent"] >= PLAN.backlog + 40 * 35
    # As long as asked for, and a little longer where the machine has other work.
    heard = told["alone"]["reading_to_commit"]["count"]
    assert abs(heard - 40 * told["alone"]["seconds"]) <= 40
    assert told["alone"]["reading_to_alert"]["count"] > 0
    assert told["alone"]["alarms_missed"] == 0
    assert (
        0 < told["alone"]["reading_to_alert"]["p50_s"] <= told["alone"]["reading_to_alert"]["p99_s"]
    )
    assert told["beside_backlog"]["reading_to_commit"]["count"] > 0
    assert told["backlog_readings_per_s"] > 0
