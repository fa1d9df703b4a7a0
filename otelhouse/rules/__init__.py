"""Rules that a tenant can set: versioned documents in PostgreSQL, and the feed by which components hear of them."""
