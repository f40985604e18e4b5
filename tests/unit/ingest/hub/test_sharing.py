"""Whether a broker shares: what comes back decides, not what it grants."""

import pytest

from config.errors import Rejected
from ingest.batch.topics import parse_topic
from ingest.hub.sharing import LEAST_GRACE_S, LONGEST_S, Probe


@pytest.fixture
def probe():
    sent = Probe()
    sent.sent(100.0)
    return sent


def test_a_probe_that_comes_back_is_a_yes_at_once(probe):
    probe.came(probe.topics[0], 100.01)

    assert probe.judge(100.01) is True


def test_a_control_that_comes_back_alone_is_a_no_after_a_while(probe):
    probe.came(probe.topics[1], 100.01)

    assert probe.judge(100.01 + LEAST_GRACE_S / 2) is None
    assert probe.judge(100.01 + LEAST_GRACE_S) is False


def test_a_slow_broker_is_given_more_time(probe):
    probe.came(probe.topics[1], 100.1)

    assert probe.judge(100.1 + 2 * LEAST_GRACE_S) is None
    assert probe.judge(101.11) is False


def test_a_broker_that_lets_nothing_through_is_a_no_in_the_end(probe):
    assert probe.judge(100 + LONGEST_S - 0.01) is None
    assert probe.judge(100 + LONGEST_S) is False


def test_a_late_yes_follows_a_no_and_never_the_other_way_round(probe):
    assert probe.judge(100 + LONGEST_S) is False

    probe.came(probe.topics[0], 110.0)
    assert probe.judge(110.0) is True

    probe.refused()
    assert probe.judge(120.0) is True


def test_nothing_is_judged_before_it_was_sent():
    assert Probe().judge(10**9) is None


def test_probes_of_several_hubs_hear_none_but_their_own(probe):
    other = Probe()
    other.sent(100.0)
    for topic in probe.topics:
        other.came(topic, 100.01)

    assert other.judge(100.5) is None
    assert set(probe.filters).isdisjoint(other.filters)


def test_the_probe_has_the_form_of_what_it_stands_for_and_is_no_batch(probe):
    topic, shared_filter = probe.topics[0], probe.filters[0]

    assert shared_filter.split("/", 2)[:2] == ["$share", "hub"]
    assert shared_filter.split("/", 2)[2].split("/")[:3] == ["adhere", "v1", "+"]
    with pytest.raises(Rejected):
        parse_topic(topic)
