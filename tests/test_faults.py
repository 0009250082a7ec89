"""Whatever fails, nothing is lost and no prediction is wrong: the cases of the fault table."""

import fault_table
import pytest
from fault_cases import FAULTS

pytestmark = pytest.mark.no_cover  # the cases trace lines, and have processes of their own

FAST = [(name, number) for name, fault in FAULTS.items() for number in fault.fast]


def check(name, number, folder):
    fault = FAULTS[name]
    if fault_table.lacking(fault):
        pytest.skip(fault_table.lacking(fault))
    seen = fault.attempt(number, folder)
    assert (seen.lost, seen.wrong, seen.open) == (0, 0, 0), number
    assert seen.told, f"neither an error nor an event tells of try {number}"


@pytest.mark.parametrize(("name", "number"), FAST)
def test_a_fault_loses_no_row_and_no_alarm_and_serves_no_wrong_prediction(name, number, tmp_path):
    check(name, number, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_wherever_a_fault_comes_nothing_is_lost(name, tmp_path):
    for number in range(FAULTS[name].n_tries):
        folder = tmp_path / str(number)
        folder.mkdir()
        check(name, number, folder)


@pytest.mark.parametrize("n", [60, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_table_of_any_type_is_taken_in_as_a_whole_or_refused(n):
    pytest.importorskip("pyarrow", reason="its types are among those drawn")
    from fault_fuzz import fuzz

    found, broken = fuzz(n)
    assert not broken
    assert found["taken"]
    assert found["refused by fit"]


def test_the_page_has_every_fault():
    assert fault_table.committed() == [*FAULTS, fault_table.FUZZED], "run `make faults`"
