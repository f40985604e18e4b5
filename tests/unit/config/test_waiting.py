from config.waiting import spread_s


def test_a_wait_is_from_half_to_the_whole_and_not_the_same_for_all():
    waits = {spread_s(60.0) for _ in range(100)}

    assert all(30 <= wait <= 60 for wait in waits)
    assert len(waits) > 1
