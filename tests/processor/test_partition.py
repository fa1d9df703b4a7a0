"""State of a partition is a pure function of the log: of neither the polls' portions nor of restarts."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelhouse.bus.contract import Record, TopicPartition
from processor.commit import Checkpoint, Opened, first_checkpoint, read_position, stored_checkpoint
from processor.partition import Partition
from processor.stored import Stored
from processor.window import Limits, Window
from schema.record import Control, Framing, RuleChange, block_position, control_headers

NAME = TopicPartition("telemetry.traces", 3)
LIMITS = Limits(span_ms=1000, rows=10, value_bytes=1000)


def data(offset: int, append_ms: int, items: int = 1, size: int = 1) -> Record:
    framing = Framing(tenant="acme", items=items, accepted_minute=0)
    return Record(*NAME, offset, append_ms, framing.headers(), b"x" * size)


def tick(offset: int, append_ms: int) -> Record:
    return Record(*NAME, offset, append_ms, control_headers(Control.TICK), b"")


def of_data(windows: list[Window]) -> list[Window]:
    """Those that hold data: control records on their own are windows, too."""
    return [window for window in windows if window.entries]


def cut(records: list[Record], limits: Limits = LIMITS) -> list[tuple[int, int]]:
    windows = of_data(Partition(NAME, first_checkpoint(0, limits)).feed(records))
    return [(window.start, window.end) for window in windows]


def test_a_window_ends_before_the_first_record_that_is_too_late() -> None:
    assert cut([data(0, 5000), data(1, 5999), data(2, 6000), data(3, 7000)]) == [(0, 2), (2, 3)]


def test_a_tick_ends_a_window_and_is_one_where_none_is_open() -> None:
    records = [tick(0, 1), data(1, 5000), tick(2, 5500), tick(3, 6000), tick(4, 9000)]
    windows = Partition(NAME, first_checkpoint(0, LIMITS)).feed(records)
    assert [(w.start, w.end, len(w.entries), w.end_log_ms) for w in windows] == [
        (0, 1, 0, 1),
        (1, 3, 1, 5500),
        (3, 4, 0, 6000),
        (4, 5, 0, 9000),
    ]


def test_a_rule_s_version_comes_with_the_window_that_is_open_or_on_its_own() -> None:
    change = RuleChange("sampling", "acme", 7)
    rules = {o: Record(*NAME, o, ms, change.headers(), b"") for o, ms in ((0, 1), (2, 5500), (3, 6000))}
    windows = Partition(NAME, first_checkpoint(0, LIMITS)).feed([rules[0], data(1, 5000), rules[2], rules[3]])
    assert [(w.start, w.end, [each.offset for each in w.changes]) for w in windows] == [
        (0, 1, [0]),
        (1, 3, [2]),
        (3, 4, [3]),
    ]


def test_what_lies_before_the_checkpoint_comes_back_first_and_is_not_fresh() -> None:
    records = [data(offset, 1000 * offset) for offset in range(6)]
    checkpoint = replace(first_checkpoint(4, LIMITS), log_ms=3000).since(Opened(1, 1000))
    windows = Partition(NAME, read_position(checkpoint.position())).feed([*records[1:], tick(6, 9000)])
    assert [(w.start, w.end, w.fresh) for w in windows] == [
        (1, 4, False),
        (4, 5, True),
        (5, 6, True),
        (6, 7, True),
    ]
    assert [entry.log_ms for entry in windows[0].entries] == [1000, 2000, 3000]


def test_a_window_ends_after_the_record_that_fills_it() -> None:
    assert cut([data(0, 1, items=6), data(1, 1, items=6), data(2, 1, items=50), data(3, 1)]) == [(0, 2), (2, 3)]
    assert cut([data(0, 1, size=600), data(1, 1, size=600), data(2, 1)]) == [(0, 2)]


def test_log_time_never_steps_back() -> None:
    assert cut([data(0, 5000), data(1, 100), data(2, 5999), data(3, 100), data(4, 6000)]) == [(0, 4)]


def test_a_record_with_unusable_headers_waits_in_its_window_with_its_fault() -> None:
    (window,) = of_data(
        Partition(NAME, first_checkpoint(0, LIMITS)).feed([Record(*NAME, 0, 1, (), b"?"), tick(1, 1001)])
    )
    assert [(entry.framing, entry.fault) for entry in window.entries] == [(None, "header 'tenant' is missing")]


def test_a_number_too_long_to_be_one_is_a_fault() -> None:
    headers = (*Framing(tenant="acme", items=1, accepted_minute=0).headers(), ("items", b"9" * 5000))
    (window,) = of_data(
        Partition(NAME, first_checkpoint(0, LIMITS)).feed([Record(*NAME, 0, 1, headers, b""), tick(1, 1001)])
    )
    assert window.entries[0].fault == "header 'items' is not a number: b'" + "9" * 18 + "'"


def test_a_class_that_no_table_has_is_a_fault() -> None:
    framing = Framing(tenant="acme", items=1, accepted_minute=0, retention_class=8)
    records = [Record(*NAME, 0, 1, framing.headers(), b""), tick(1, 1001)]
    (window,) = of_data(Partition(NAME, first_checkpoint(0, LIMITS)).feed(records))
    assert window.entries[0].fault == "header 'class': 8 is no retention class"


def test_blocks_are_numbered_by_partition_and_end_and_dated_by_log_time() -> None:
    (window,) = of_data(
        Partition(NAME, first_checkpoint(0, LIMITS)).feed([data(7, 86_400_000 * 20_000), tick(8, 1 << 60)])
    )
    assert block_position(window.number) == (3, 8)
    assert window.day == 20_000


def test_with_nothing_open_the_checkpoint_moves_past_ticks() -> None:
    partition = Partition(NAME, first_checkpoint(0, LIMITS))
    partition.feed([data(0, 10), tick(1, 2000), tick(2, 2500)])
    assert (partition.checkpoint().emitted, partition.checkpoint().log_ms) == (3, 2500)


def test_changed_limits_hold_only_for_what_the_log_did_not_hold_yet() -> None:
    wide = Limits(span_ms=10_000, rows=10, value_bytes=1000)
    records = [data(offset, 1000 * offset) for offset in range(20)]
    changed = first_checkpoint(0, LIMITS).under(wide, 5)
    assert [(w.start, w.end) for w in Partition(NAME, changed).feed(records)] == [
        *((offset, offset + 1) for offset in range(5)),
        (5, 15),
    ]
    assert changed.under(wide, 9) is changed


def test_limits_that_ended_before_the_checkpoint_are_forgotten() -> None:
    wide = Limits(span_ms=10_000, rows=10, value_bytes=1000)
    changed = first_checkpoint(0, LIMITS).under(wide, 5)
    assert [regime.start for regime in changed.moved(4, 0).regimes] == [0, 5]
    assert [regime.start for regime in changed.moved(5, 0).regimes] == [5]


logs = st.lists(
    st.tuples(st.integers(0, 900), st.booleans(), st.integers(0, 6), st.integers(0, 400), st.integers(-3000, 300)),
    max_size=40,
)


def written(steps: list[tuple[int, bool, int, int, int]]) -> list[Record]:
    """A log: steps of (ms since the last record, is a tick, items, bytes, error of the broker's clock)."""
    now, records = 1_000_000, []
    for offset, (passed, is_tick, items, size, skew) in enumerate(steps):
        now += passed
        records.append(tick(offset, now + skew) if is_tick else data(offset, now + skew, items, size))
    return records


@given(logs, st.randoms())
def test_any_portions_of_the_same_log_give_the_same_windows(
    steps: list[tuple[int, bool, int, int, int]], portions: random.Random
) -> None:
    records = written(steps)
    whole, partition, left = (
        Partition(NAME, first_checkpoint(0, LIMITS)),
        Partition(NAME, first_checkpoint(0, LIMITS)),
        records,
    )
    windows: list[Window] = []
    while left:
        size = portions.randint(1, len(left))
        windows += partition.feed(left[:size])
        left = left[size:]
    assert windows == whole.feed(records)
    assert partition.checkpoint() == whole.checkpoint()


@given(logs, st.data())
def test_a_restart_from_any_commit_gives_the_rest_of_the_windows(
    steps: list[tuple[int, bool, int, int, int]], draw: st.DataObject
) -> None:
    records = written(steps)
    partition = Partition(NAME, first_checkpoint(0, LIMITS))
    windows = partition.feed(records)
    stored = draw.draw(st.integers(0, len(windows)))
    if stored == len(windows):
        committed = partition.checkpoint()
    else:
        committed = partition.checkpoint_after(windows[stored - 1]) if stored else first_checkpoint(0, LIMITS)
    again = Partition(NAME, read_position(committed.position()))
    from_resume = [record for record in records if record.offset >= committed.resume]
    assert again.feed(from_resume) == windows[stored:]
    assert again.checkpoint() == partition.checkpoint()


@given(logs)
def test_windows_hold_every_data_record_once_in_order(steps: list[tuple[int, bool, int, int, int]]) -> None:
    records = written(steps)
    last = len(records)
    closing = tick(last, 1 << 50)
    windows = Partition(NAME, first_checkpoint(0, LIMITS)).feed([*records, closing])
    held = [entry.record for window in windows for entry in window.entries]
    assert held == [record for record, step in zip(records, steps, strict=True) if not step[1]]
    assert all(w.start < w.end for w in windows)
    assert all(left.end <= right.start for left, right in itertools.pairwise(windows))


@pytest.mark.parametrize("offset", [0, 1 << 40])
def test_a_checkpoint_survives_the_log(offset: int) -> None:
    checkpoint = Checkpoint(offset, offset + 5, 77, first_checkpoint(offset, LIMITS).regimes)
    assert read_position(checkpoint.position()) == checkpoint


def stored(previous: int | None, end: int, oldest: int = 0, day: int = 0) -> Checkpoint:
    return stored_checkpoint(Stored(previous, end, day), oldest, LIMITS)


def test_the_newest_block_of_lost_commits_ends_where_it_did_whatever_its_size_and_time() -> None:
    records = [data(offset, 5000 * offset, items=9, size=400) for offset in range(12)]
    windows = Partition(NAME, read_position(stored(2, 9).position())).feed(records)
    assert [(w.start, w.end) for w in windows] == [(2, 9), (9, 10), (10, 11)]


def test_it_may_end_with_a_tick() -> None:
    records = [data(0, 1), data(1, 2), tick(2, 3), tick(3, 9000), data(4, 9000), tick(5, 19_000)]
    windows = of_data(Partition(NAME, stored(None, 3)).feed(records))
    assert [(w.start, w.end) for w in windows] == [(0, 3), (4, 5)]


def test_it_begins_with_its_first_data_and_not_with_the_control_records_before() -> None:
    records = [tick(0, 1), tick(1, 2000), data(2, 5000), tick(3, 5100), data(4, 5200), tick(5, 9000)]
    whole = Partition(NAME, first_checkpoint(0, LIMITS)).feed(records)
    (block,) = of_data(whole)
    assert (block.start, block.end, block.log_ms) == (2, 5, 5000)
    assert Partition(NAME, stored(None, 5)).feed(records) == whole


def test_it_does_not_end_later_though_the_log_lost_its_end() -> None:
    partition = Partition(NAME, stored(0, 4))
    windows = of_data(partition.feed([data(0, 1), data(9, 2), tick(10, 5000)]))
    assert [(w.start, w.end) for w in windows] == [(0, 4), (9, 10)]
    assert partition.take_missing() == 8


def test_its_day_is_the_one_it_was_stored_under_though_the_clock_stepped_back() -> None:
    (window,) = of_data(Partition(NAME, stored(0, 1, day=20_000)).feed([data(0, 86_400_000 * 20_000 - 5)]))
    assert window.day == 20_000


def test_lost_commits_resume_no_earlier_than_the_log_and_no_later_than_what_is_stored() -> None:
    assert stored(2, 9, oldest=5).resume == 5
    assert stored(None, 9, oldest=5).resume == 5
    assert stored(2, 9, oldest=20).resume == 9


def test_what_was_stored_before_the_forced_end_is_forgotten_after_it() -> None:
    assert stored(2, 9).moved(9, 0).regimes == first_checkpoint(9, LIMITS).regimes


def test_records_missing_before_the_first_are_counted_once() -> None:
    partition = Partition(NAME, first_checkpoint(3, LIMITS))
    partition.feed([data(1, 1), data(2, 1)])
    assert partition.take_missing() == 0
    partition.feed([data(7, 1), data(8, 1)])
    assert (partition.take_missing(), partition.take_missing()) == (4, 0)
