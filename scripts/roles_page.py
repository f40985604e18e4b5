"""Write docs/reference/roles.md anew, after a right was added or taken away."""

from pathlib import Path

from storage.privileges import page

ROLES_PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "roles.md"


def main() -> None:
    """Write down what each role may."""
    ROLES_PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
