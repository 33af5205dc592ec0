"""`python -m edge doctor`: what is there, what is wrong, and what to type next."""
