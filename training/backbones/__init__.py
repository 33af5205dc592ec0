"""Networks with ImageNet weights that a model begins with: the table of them, and weights from int8 files."""
