"""The OpenTelemetry Collector as a peer: how to build it stands in README.md beside this file."""
