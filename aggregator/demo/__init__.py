"""The bundled newsroom: labelled articles of many outlets, and the loopback server that publishes them.

The texts are test fiction written for this project (see ``README.md`` beside this file).
"""
