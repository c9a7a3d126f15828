"""Follow news feeds and find the articles that cover the same report, across outlets and languages."""

__version__ = "1.0.0"
