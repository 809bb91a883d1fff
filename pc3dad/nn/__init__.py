"""What several methods train with; plain torch."""
