"""Spans, and what becomes of them: figures for Prometheus, traces for OTLP, ids for log lines."""

from adapters.telemetry.tracing import FinishedSpan, Tracing

__all__ = ["FinishedSpan", "Tracing"]
