"""Labelled pictures: reading, checking and splitting them."""
