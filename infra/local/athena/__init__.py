"""A small, strict stand-in for Athena: its JSON API over DuckDB, for the local run and the tests.

It reads the same Parquet objects from the same bucket, knows the same tables (`wattline.tables`), prunes
partitions and row groups, and counts what it reads. What it cannot translate fails, loudly.
"""
