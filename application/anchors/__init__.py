"""Checkpoints of the audit trail on public chains."""
