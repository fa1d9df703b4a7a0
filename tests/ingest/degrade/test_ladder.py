"""The levels of degrading, on a clock of the test's own."""

from __future__ import annotations

from ingest.degrade.ladder import EASE, FALL_SECONDS, LEVELS, RISE_SECONDS, Ladder, Reading

CALM, MIDDLE, HIGH = (Reading(used, 0.8) for used in (0.1, 0.7, 0.9))


def _walk(ladder: Ladder, begin: float, seconds: float, reading: Reading) -> list[int]:
    """Levels at each quarter of a second."""
    return [ladder.look(begin + step / 4, [CALM, reading]) for step in range(1, int(seconds * 4) + 1)]


def test_it_rises_a_step_at_a_time_while_pressed_and_no_further_than_the_last() -> None:
    ladder = Ladder()
    ladder.look(0, [HIGH])
    levels = _walk(ladder, 0, RISE_SECONDS * 10, HIGH)
    assert sorted(set(levels)) == list(range(len(LEVELS)))
    assert levels == sorted(levels)
    assert levels.index(1) == RISE_SECONDS * 4 - 1
    assert levels.count(1) == RISE_SECONDS * 4


def test_a_short_peak_changes_nothing() -> None:
    ladder = Ladder()
    for second in range(20):
        assert ladder.look(second, [HIGH if second % 2 else MIDDLE]) == 0


def test_it_steps_back_by_itself_slower_than_it_rose() -> None:
    ladder = Ladder()
    _walk(ladder, 0, RISE_SECONDS * 2 + 0.5, HIGH)
    assert ladder.level == 2
    levels = _walk(ladder, 100, FALL_SECONDS * 3, CALM)
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] == 0
    assert levels.count(1) == FALL_SECONDS * 4 > RISE_SECONDS * 4


def test_between_the_marks_the_level_stays() -> None:
    ladder = Ladder()
    _walk(ladder, 0, RISE_SECONDS + 0.5, HIGH)
    assert set(_walk(ladder, 50, 300, MIDDLE)) == {1}
    assert MIDDLE.used >= EASE * MIDDLE.watermark


def test_one_source_under_pressure_is_enough_to_rise_and_to_stay() -> None:
    ladder = Ladder()
    _walk(ladder, 0, RISE_SECONDS + 0.5, HIGH)
    assert {ladder.look(100 + second, [CALM, MIDDLE, CALM]) for second in range(60)} == {1}


def test_the_order_is_debug_logs_then_spans_ever_harder_then_info_logs() -> None:
    assert [level.debug_logs for level in LEVELS] == [False] + [True] * 6
    assert [(1 << 56) / ((1 << 56) - level.threshold) for level in LEVELS] == [1, 1, 2, 4, 8, 16, 16]
    assert [level.info_logs for level in LEVELS] == [False] * 6 + [True]
