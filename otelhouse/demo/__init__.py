"""`otelhouse up --demo`: a small shop, instrumented with the real OpenTelemetry SDK, under its own load."""
