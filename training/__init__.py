"""Trains mask-edge models from labelled pictures, on a workstation."""
