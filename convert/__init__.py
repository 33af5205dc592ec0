"""Turns trained models into int8 TFLite files with cards, and checks them."""
