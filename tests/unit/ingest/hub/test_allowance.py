"""Of an unsigned flood some is kept: so many of a topic, so many in all, in each period."""

from ingest.hub.allowance import IN_ALL, PER_TOPIC, PERIOD_S, Allowance


class Clock:
    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


def test_each_topic_has_its_share_and_all_have_one_together():
    allowance = Allowance(Clock())

    kept = [sum(allowance.has_room(f"t{n}") for _ in range(PER_TOPIC + 5)) for n in range(20)]

    assert kept[0] == PER_TOPIC
    assert sum(kept) == IN_ALL


def test_the_next_period_begins_anew():
    clock = Clock()
    allowance = Allowance(clock)
    assert [allowance.has_room("t") for _ in range(PER_TOPIC + 1)][-1] is False

    clock.now_s += PERIOD_S

    assert allowance.has_room("t")


def test_what_is_not_kept_is_said_once_a_second_and_all_of_it():
    clock, said = Clock(), []
    allowance = Allowance(clock)
    for _ in range(4 * 50):
        allowance.has_room("t")
        said.append(allowance.due())
        clock.now_s += 0.02
    clock.now_s += 1
    said.append(allowance.due())

    assert sum(said) == 4 * 50 - PER_TOPIC
    assert 4 <= sum(map(bool, said)) <= 5
