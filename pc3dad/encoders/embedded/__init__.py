"""The small encoders that travel with the package, and how they were trained and are checked."""
