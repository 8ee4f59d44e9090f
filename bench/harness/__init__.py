"""Modules of the scripts in bench."""
