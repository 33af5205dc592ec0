"""Networks with ImageNet weights that models begin with."""
