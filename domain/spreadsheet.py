"""Text that a spreadsheet would take for a formula, and may hand to whatever the formula names."""

#: OWASP, CSV Injection; with the full-width forms that spreadsheets read alike.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")


def harmless(text: str) -> str:
    """With an apostrophe in front where it is needed; also where there is one already, so that
    whoever takes the first one away has what was written.
    """
    return f"'{text}" if text.startswith(_FORMULAS) else text
