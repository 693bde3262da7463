"""The contracts' own tests need the compiler's environment: test_compiled.py runs them there."""

collect_ignore = ["in_algopy"]
