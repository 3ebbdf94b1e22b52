"""What several methods train towards: motion encoder, rendering, discriminators, patches, disocclusion, temporal consistency."""
