"""A sweep as a place to look at: which keys its runs logged, and what is built from them."""
