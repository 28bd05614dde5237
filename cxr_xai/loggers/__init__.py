"""Where scalars and panels go while a run is on."""
