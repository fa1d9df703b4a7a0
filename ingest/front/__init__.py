"""The servers of ingest: Envoy, in whose process ingest runs as an ASGI application. Why: docs/adr/0006."""
