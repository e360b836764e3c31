"""From bytes to a crop: decoding, colour, detection output, crops, quality, tensors."""
