"""Recording rules: which expressions can be evaluated on the stream of samples, and what that takes."""
