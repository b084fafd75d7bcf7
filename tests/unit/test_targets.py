"""The page about targets says what the marks of the end-to-end tests say."""

import pytest

from tests.e2e import capabilities
from tests.e2e.capabilities import CAPABILITIES, COLUMNS, TARGETS, Capability, documented, missing


def test_the_page_is_up_to_date() -> None:
    assert capabilities.page_with(capabilities.table()) == capabilities.PAGE.read_text(), "run `make targets`"


def test_every_mark_names_a_capability_and_every_cell_is_known() -> None:
    tested = capabilities.tested_capabilities()
    assert tested.keys() == CAPABILITIES.keys()
    for capability in CAPABILITIES.values():
        assert capability.elsewhere.keys() <= COLUMNS.keys()


def test_only_targets_with_end_to_end_tests_can_be_tested() -> None:
    assert {target for targets in capabilities.tested_capabilities().values() for target in targets} == set(TARGETS)


def test_a_cell_that_is_neither_tested_nor_written_is_refused() -> None:
    with pytest.raises(ValueError, match="Flying on ministack: not tested, and not written"):
        Capability("Flying").cell("ministack", tested=False)


def test_a_cell_that_is_written_although_a_test_shows_it_is_refused() -> None:
    with pytest.raises(ValueError, match="Flying on ministack: tested, and written"):
        Capability("Flying", {"ministack": documented()}).cell("ministack", tested=True)


def test_a_test_is_left_out_where_its_capability_is_not_available() -> None:
    flying = Capability("Flying", {"localstack": missing("it has no wings"), "ministack": documented()})
    assert not flying.runs_on("localstack")
    assert flying.runs_on("ministack")
