"""A window on the desktop or an HDMI monitor."""
