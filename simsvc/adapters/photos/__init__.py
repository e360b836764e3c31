"""Where photos come from: folders, archives, uploads, the decoding process."""
