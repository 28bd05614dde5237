"""What does the network look at, over many films? Regions of the chest as players, and findings beside each other."""
