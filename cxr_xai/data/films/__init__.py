"""Films: from the bytes of a file to gray pixels, one checked store on disk, and the list of those that are unfit."""
