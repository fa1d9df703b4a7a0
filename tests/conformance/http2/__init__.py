"""HTTP/2, by the suite of others."""
