"""Control rules at work: what matches (`matching`), what changes (`changes`), and what that does to a batch."""
