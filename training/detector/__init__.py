"""The face detector: network, composed pictures, figures."""
