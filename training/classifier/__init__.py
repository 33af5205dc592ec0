"""The mask classifier: network, batches, figures."""
