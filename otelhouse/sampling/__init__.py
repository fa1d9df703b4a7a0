"""Tail sampling: whole traces, decided on columns, with the meaning of the Collector's tail_sampling processor.

Source of every policy's meaning: opentelemetry-collector-contrib, processor/tailsamplingprocessor, v0.164.1.
"""
