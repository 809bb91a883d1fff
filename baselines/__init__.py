"""One folder per method; a folder with a card.py is the registration."""
