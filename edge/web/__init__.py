"""The door on the network: pages, pictures and JSON over HTTP, behind a password."""
