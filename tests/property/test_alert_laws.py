"""The laws of alerts, over series of any values, times and rules."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from wattline.domain.alerts import Alert, AlertState, Comparison, Reading, Rule, Transition, advance, may_change

laws = settings(max_examples=200)

RULES = st.builds(
    lambda above, hold: (
        Rule("r", "soc", Comparison.ABOVE, 23, 20, hold) if above else Rule("r", "soc", Comparison.BELOW, 20, 23, hold)
    ),
    st.booleans(),
    st.sampled_from([0, 0, 1, 60, 300, 7_200]),
)
VALUES = st.sampled_from([19, 19.99, 20, 21, 22.99, 23, 23.01, 90])
TIMES = st.lists(st.integers(1, 40).map(lambda n: n * 30_000), min_size=1, max_size=25, unique=True).map(sorted)


@st.composite
def series(draw: st.DrawFn) -> list[Reading]:
    """Readings at distinct times, in order."""
    return [Reading("soc", ts, draw(VALUES), received=draw(st.integers(0, 3))) for ts in draw(TIMES)]


@st.composite
def batches(draw: st.DrawFn) -> list[list[Reading]]:
    """The same, cut anywhere."""
    readings = draw(series())
    cuts = sorted(draw(st.sets(st.integers(1, len(readings)), max_size=6)) | {0, len(readings)})
    return [readings[first:last] for first, last in pairwise(cuts)]


def run(rule: Rule, *delivered: list[Reading]) -> tuple[Alert, list[Transition]]:
    alert, transitions = Alert(), []
    for batch in delivered:
        alert, new = advance(rule, alert, batch)
        transitions += new
    return alert, transitions


@laws
@given(RULES, series(), st.randoms(use_true_random=False))
def test_the_order_inside_a_batch_is_irrelevant(rule: Rule, readings: list[Reading], random: object) -> None:
    shuffled = list(readings)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert run(rule, shuffled) == run(rule, readings)


@laws
@given(RULES, batches())
def test_how_a_series_is_cut_into_batches_is_irrelevant(rule: Rule, delivered: list[list[Reading]]) -> None:
    whole = [reading for batch in delivered for reading in batch]
    assert run(rule, *delivered) == run(rule, whole)


@laws
@given(RULES, batches(), st.data())
def test_batches_delivered_again_change_nothing(
    rule: Rule, delivered: list[list[Reading]], data: st.DataObject
) -> None:
    repeated = []
    for number, batch in enumerate(delivered):
        repeated += [batch, *data.draw(st.lists(st.sampled_from(delivered[: number + 1]), max_size=3))]
    assert run(rule, *repeated) == run(rule, *delivered)


@laws
@given(RULES, batches(), st.data())
def test_late_readings_change_nothing(rule: Rule, delivered: list[list[Reading]], data: st.DataObject) -> None:
    disturbed = []
    for batch in delivered:
        newest = batch[-1].ts_ms
        late = data.draw(st.lists(st.builds(Reading, st.just("soc"), st.integers(0, newest - 1), VALUES), max_size=4))
        disturbed += [batch, late]
    assert run(rule, *disturbed) == run(rule, *delivered)


@laws
@given(RULES, series())
def test_an_alert_is_open_exactly_when_a_run_of_breaches_was_not_followed_by_a_run_of_clear_readings(
    rule: Rule, readings: list[Reading]
) -> None:
    """The model looks backwards from each reading, and knows neither pending nor clearing."""

    def run_length_ms(last: int, *, breached: bool) -> int:
        first = last
        holds = rule.is_breached if breached else rule.is_cleared
        while first >= 0 and holds(readings[first].value):
            first -= 1
        return -1 if first == last else readings[last].ts_ms - readings[first + 1].ts_ms

    is_open, alert = False, Alert()
    for number, reading in enumerate(readings):
        if run_length_ms(number, breached=not is_open) >= rule.hold_seconds * 1000:
            is_open = not is_open
        alert, _ = advance(rule, alert, [reading])
        assert (alert.state in (AlertState.FIRING, AlertState.CLEARING)) is is_open


@laws
@given(RULES, series())
def test_transitions_are_numbered_and_follow_each_other(rule: Rule, readings: list[Reading]) -> None:
    alert, transitions = run(rule, readings)
    assert [each.alert.transitions for each in transitions] == list(range(1, len(transitions) + 1))
    states = [AlertState.RESOLVED, *(each.alert.state for each in transitions)]
    assert [each.before for each in transitions] == states[:-1]
    assert states[-1] is alert.state
    steps = {(before.value, after.value) for before, after in pairwise(states)}
    patient = {
        ("resolved", "pending"),
        ("pending", "resolved"),
        ("pending", "firing"),
        ("firing", "clearing"),
        ("clearing", "firing"),
        ("clearing", "resolved"),
    }
    assert steps <= (patient if rule.hold_seconds else {("resolved", "firing"), ("firing", "resolved")})


@laws
@given(RULES, batches())
def test_not_looking_where_nothing_could_change_changes_nothing(rule: Rule, delivered: list[list[Reading]]) -> None:
    alert, transitions, before = Alert(), [], None
    for batch in delivered:
        if may_change(rule, before, batch):
            alert, new = advance(rule, alert, batch)
            transitions += new
        before = batch[-1]
    assert transitions == run(rule, *delivered)[1]


@laws
@given(batches(), st.data())
def test_an_alert_left_open_by_a_lost_batch_is_closed_within_the_hour(
    delivered: list[list[Reading]], data: st.DataObject
) -> None:
    rule = Rule("r", "soc", Comparison.BELOW, 20, 23)
    lost = data.draw(st.integers(0, len(delivered) - 1))
    alert, before = Alert(), None
    for number, batch in enumerate(delivered):
        if number != lost and may_change(rule, before, batch):
            alert, _ = advance(rule, alert, batch)
        before = batch[-1]
    assert before is not None
    well = [Reading("soc", before.ts_ms + n * 60_000, 90) for n in range(1, 62)]
    for reading in well:
        if may_change(rule, before, [reading]):
            alert, _ = advance(rule, alert, [reading])
        before = reading
    assert alert.state is AlertState.RESOLVED
