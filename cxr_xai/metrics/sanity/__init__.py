"""Does a map depend on what the network learned, and does it stay where it was when nothing of meaning changed?"""
