"""From a grid of methods and data sets to rows of results."""
