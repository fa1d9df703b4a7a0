"""PromQL's functions, a file a kind."""
