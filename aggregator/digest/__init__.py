"""The digest: what a window's clusters look like to a reader. Rows in, a value out, text out of the value."""
