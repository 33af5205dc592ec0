"""The mask classifier: its network, its training pictures, its training and its figures."""
