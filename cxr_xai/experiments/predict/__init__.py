"""Films that nobody has labeled: a table, pictures and a page of what a network says about them."""
