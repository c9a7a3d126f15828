"""The stages: read rows, fetch bytes, compute values, write rows."""
