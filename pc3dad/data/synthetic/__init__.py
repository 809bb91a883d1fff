"""Parametric parts with exact defects: the embedded data set."""
