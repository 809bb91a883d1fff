"""Geometry of point clouds: neighbours, sampling, descriptors."""
