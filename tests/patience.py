"""How long a test waits before it calls something missing.

What is waited for comes in a moment, so the patience costs nothing; a machine may have ten times
more to do than usual. Only what the product promises is held to its own time.
"""

PATIENCE_S = 120
