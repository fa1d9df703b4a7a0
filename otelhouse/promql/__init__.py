"""PromQL, as far as processors and queries both need it."""
