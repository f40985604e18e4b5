"""The lock holds what the build file asks for, and a fault in it is seen."""

from scripts.house import faults_of_lock

PIN = "polars==2.1.0 \\\n    --hash=sha256:00\n"


def test_a_pin_within_its_range_is_no_fault():
    assert list(faults_of_lock("lock", PIN, ["polars>=1.30"])) == []


def test_a_requirement_that_is_not_pinned_is_named():
    assert list(faults_of_lock("lock", PIN, ["numpy>=2"])) == [
        "lock: numpy>=2 is not pinned; run scripts/lock"
    ]


def test_a_pin_outside_its_range_is_named():
    assert list(faults_of_lock("lock", PIN, ["polars>=3"])) == [
        "lock: polars 2.1.0 is outside polars>=3; run scripts/lock"
    ]


def test_a_pin_without_a_hash_is_named():
    assert list(faults_of_lock("lock", PIN + "numpy==2.4.0\n", [])) == [
        "lock: not pinned with a hash: numpy==2.4.0"
    ]


def test_names_are_compared_as_the_index_does():
    pin = PIN.replace("polars", "XlsxWriter")

    assert list(faults_of_lock("lock", pin, ["xlsxwriter>=2", "adhere[gateway]"])) == []
