"""The demo: five weeks, one live minute, an alert, a payable line, and the pages that show them."""
