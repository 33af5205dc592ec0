"""Lamps, a buzzer and a relay on the Pi's pins."""
