"""A trail as files: asked for, made part by part, given away, and gone after a while."""
