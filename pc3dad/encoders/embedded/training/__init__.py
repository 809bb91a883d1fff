"""How the encoders of `tiny` are trained; `scripts/train_embedded.py` runs it."""
