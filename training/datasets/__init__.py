"""Pictures to train with: reading, checking, splitting and packing them."""
