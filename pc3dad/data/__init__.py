"""Data sets: one loader per public set, a user's own folder, and the embedded synthetic set."""
