"""Frozen networks that turn pictures, sentences and clouds into features: one layer serves all methods."""
