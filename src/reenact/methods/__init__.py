"""One folder a method, the same files in each: config, parts, model, objective, README."""
