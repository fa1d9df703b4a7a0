"""The log in one directory of one machine, kept by LMDB (docs/adr/0002-embedded-log.md)."""
