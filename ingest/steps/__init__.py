"""What happens to a call, one step a file; the order stands in `ingest/main.py`."""
