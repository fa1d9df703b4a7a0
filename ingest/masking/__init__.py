"""Masking: what is personal or secret is found in the scanned bytes and never reaches the log."""
