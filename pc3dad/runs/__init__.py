"""Run folders and the tables made from them."""
