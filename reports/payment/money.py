"""Money to the fen: one rounding, and shares that add up."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

FEN = Decimal("0.01")
WHOLE_PCT = 100


def rounded(yuan: Decimal) -> Decimal:
    """Round half up to the fen; done once, at the line."""
    return yuan.quantize(FEN, ROUND_HALF_UP)


def shares(amount: Decimal, split_pct: Mapping[str, int]) -> dict[str, Decimal]:
    """Split whole fen by percentages that add up to 100, so that the parts add up to the amount.

    By largest remainder: each gets its whole fen, and the fen left over go one by one to the
    largest remainders; of equal remainders the role named first is first.
    """
    fen = int(amount / FEN)
    parts = {role: divmod(fen * pct, WHOLE_PCT) for role, pct in split_pct.items()}
    left = fen - sum(whole for whole, _remainder in parts.values())
    by_remainder = sorted(parts, key=lambda role: -parts[role][1])  # stable: ties keep their order
    more = set(by_remainder[:left])
    return {role: (whole + (role in more)) * FEN for role, (whole, _remainder) in parts.items()}
