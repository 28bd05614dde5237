"""Which part of the chest is where on a film: exact on the phantom, from masks, or from an atlas fitted to the film."""
