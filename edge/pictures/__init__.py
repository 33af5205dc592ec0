"""Picture files in and out, boxes and masks drawn into pictures."""
