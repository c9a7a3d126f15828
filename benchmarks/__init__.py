"""Measurements: quality against pinned floors, speed as ratios against peers of the same run."""
