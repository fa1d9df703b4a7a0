"""`otelhouse up`: the same components as in production, each a process of its own, on embedded parts."""
