"""Turns trained models into int8 TFLite files with a card, and checks them."""
