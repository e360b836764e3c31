"""Object stores: folders, and buckets that speak S3."""
