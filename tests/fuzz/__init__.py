"""Hostile inputs for everything that reads what comes from outside: files, models, pictures, numbers."""
