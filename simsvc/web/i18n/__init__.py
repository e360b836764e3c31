"""The developers' side of languages: what there is to translate, and its compiled form."""
