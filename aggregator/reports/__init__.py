"""What belongs together: outlets, citations, names, vectors, clustering, origin, explanation. Pure."""
