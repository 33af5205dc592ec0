"""The face detector: its network, its training pictures, its training and its figures."""
