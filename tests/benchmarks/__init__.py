"""Of what measures: shapes and counts, at sizes that tell nothing about speed."""
