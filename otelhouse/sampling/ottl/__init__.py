"""A subset of OTTL (OpenTelemetry Transformation Language) conditions on spans and span events, on columns.

Source of its meaning: opentelemetry-collector-contrib, pkg/ottl, LANGUAGE.md and ottlfuncs/README.md. What is not in
the subset is an error when a condition is read; docs/sampling.md lists what is.
"""
