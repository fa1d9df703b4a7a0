"""Less under pressure: how hard ingest is pressed (`monitor`), how far it goes (`ladder`), what is shed (`spans`)."""
