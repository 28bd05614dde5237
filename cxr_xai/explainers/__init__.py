"""Why did the model say so? One method per file, all behind one contract."""
