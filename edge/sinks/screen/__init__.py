"""A small OLED or LCD with big words for the person at the door."""
