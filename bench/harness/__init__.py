"""Modules of bench/run and bench/shared_cores."""
