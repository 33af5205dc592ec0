"""Where frames come from: each kind of source has a file; `opening` finds the one that an address means."""
