"""Pages of reference faces: gallery, imports and index builds."""
