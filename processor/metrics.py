"""What the processor says of itself on /metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_PARTITION = ("topic", "partition")

LAG = Gauge("otelhouse_processor_lag_records", "Records in the log that are not stored yet.", _PARTITION)
WINDOW_AGE = Gauge(
    "otelhouse_processor_window_age_seconds",
    "Time since the append of the oldest record that is not stored yet, in seconds.",
)
HELD_BYTES = Gauge("otelhouse_processor_held_bytes", "Bytes of record values in open windows and windows that wait.")
OWNED = Gauge("otelhouse_processor_partitions_owned", "Partitions that this process reads.")
PAUSED = Gauge(
    "otelhouse_processor_partitions_paused", "Partitions that are not read because memory is held or storage is behind."
)
STOPPED = Gauge("otelhouse_processor_partitions_stopped", "Partitions stopped by a fault that needs an operator.")
WINDOWS = Counter("otelhouse_processor_windows", "Windows stored.", ("topic",))
ROWS = Counter("otelhouse_processor_rows", "Rows written.", ("table",))
SKIPPED = Counter(
    "otelhouse_processor_blocks_skipped", "Blocks found already stored after a restart or a retry.", ("table",)
)
REINSERTED = Counter(
    "otelhouse_processor_blocks_reinserted",
    "Blocks that might have been stored before, were not, and were inserted.",
    ("table",),
)
INSERT_SECONDS = Histogram(
    "otelhouse_processor_insert_seconds", "Time of one insert into ClickHouse, in seconds.", ("table",)
)
BUILD_SECONDS = Histogram(
    "otelhouse_processor_build_seconds", "Time to make one window's rows, in seconds.", ("topic",)
)
RETRIES = Counter("otelhouse_processor_retries", "Attempts to store that failed and were made again.")
DEAD_LETTERS = Counter(
    "otelhouse_processor_dead_letters", "Records that yield no rows, sent to the dead-letter topic.", ("topic",)
)
MISSING = Counter(
    "otelhouse_processor_records_missing", "Records that the log deleted before they were stored.", ("topic",)
)
TICKS = Counter("otelhouse_processor_ticks", "Ticks appended to the log.")
FENCED = Counter(
    "otelhouse_processor_fenced", "Commits refused because the partition had been given to another member."
)
STORED_SECONDS = Histogram(
    "otelhouse_processor_append_to_stored_seconds",
    "Time from the append of a window's first record to the window's being stored, in seconds.",
    ("topic",),
    buckets=(0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 3600),
)
SAMPLING_TRACES = Gauge("otelhouse_processor_sampling_waiting_traces", "Traces that wait for their verdict.")
SAMPLING_BYTES = Gauge(
    "otelhouse_processor_sampling_waiting_bytes", "Bytes of spans that wait for their trace's verdict."
)
