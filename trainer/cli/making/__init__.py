"""Commands that make data, models, bundles and cards."""
