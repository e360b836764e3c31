"""Training: recipes, losses, loaders, augmentation, teachers."""
