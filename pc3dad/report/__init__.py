"""Pages for people, made from result tables."""
