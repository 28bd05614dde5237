"""What a copy of the release is made of: label file, names, image files, links; each read with its rules."""
