"""Tail sampling, beside the real peer."""
