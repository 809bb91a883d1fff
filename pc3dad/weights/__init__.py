"""Weights of networks: what exists, where a copy lies, and whether it is the right one."""
