"""Prometheus remote write 1.0 and 2.0 at `/api/v1/write`; what becomes of a request stands in docs/remote-write.md."""
