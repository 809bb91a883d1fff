"""Metrics on arrays of scores and labels; they know no model."""
