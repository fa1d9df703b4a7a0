"""HTTP/2 as ingest serves it (RFC 9113): frames, header blocks, streams, and the connection that they share."""
