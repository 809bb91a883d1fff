"""What all methods share: the interface, named object-score rules and the contract suite."""
