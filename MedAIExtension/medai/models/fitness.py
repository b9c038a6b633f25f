"""What a model may be offered for: what its card states, held against what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medai.models.card import ModelCard

RESEARCH, DEMONSTRATION, WITHDRAWN = "research", "demonstration", "withdrawn"
# Of a checkpoint that others trained and nobody judged here (``models.imported``).
UNKNOWN = "unknown"
FITNESSES = (RESEARCH, DEMONSTRATION, WITHDRAWN, UNKNOWN)
# On data of another origin the whole interval of the AUC must lie above this.
LEAST_AUC_ELSEWHERE = 0.6
# Median change of the probability when all that lies outside the organ is exchanged.
LARGEST_SWAP_SHIFT = 0.05
# Share of explanations whose maximum lies in the organ.
LEAST_EXPLAINED_IN_ORGAN = 0.95


def failures(card: ModelCard) -> tuple[str, ...]:
    """What keeps a model from research, each as the end of a sentence about the model."""
    found = [
        f"fails its own task on data of another origin ({row.measured_on}: AUC {row.value:.2f}, "
        f"{row.low:.2f} to {row.high:.2f})"
        for row in card.performance
        if row.other_origin and row.measure == "AUC" and row.low <= LEAST_AUC_ELSEWHERE
    ]
    shift, inside = card.trust.swap_shift, card.trust.explained_in_organ
    if shift is not None and shift >= LARGEST_SWAP_SHIFT:
        found.append(
            "changes its answer when only what lies outside the organ is exchanged "
            f"(by {shift:.2f} in the median)"
        )
    if inside is not None and inside < LEAST_EXPLAINED_IN_ORGAN:
        found.append(
            f"explains itself outside the organ ({100 * (1 - inside):.0f} % of its explanations)"
        )
    return tuple(found)


def warning(card: ModelCard) -> str:
    """What a result of this model begins with; empty when it may be used for research, or when
    its card states nothing (a model of the user's own)."""
    if card.fitness in (None, RESEARCH):
        return ""
    if card.fitness == UNKNOWN:
        return f"Of unknown fitness: {card.name} was not judged here. Don't rely on its answer."
    why = failures(card) or ("was not judged on data of another origin",)
    reasons = ", and ".join(why)
    if card.fitness == WITHDRAWN:
        return f"Withdrawn: {card.name} {reasons}. Don't use its answer."
    return f"For demonstration only: {card.name} {reasons}. Don't rely on its answer."


def contradictions(card: ModelCard) -> tuple[str, ...]:
    """What a card may not state of itself, given what was measured; empty when it is sound."""
    found = []
    if card.fitness is not None and card.fitness not in FITNESSES:
        found.append(f"fitness is {card.fitness!r}, expected {' or '.join(FITNESSES)}")
    why = failures(card)
    if card.fitness == RESEARCH:
        if why:
            found.append(f"fitness can't be research: it {why[0]}")
        elif card.task == "covid" and not any(
            row.other_origin and row.measure == "AUC" for row in card.performance
        ):
            found.append(
                "fitness can't be research: no AUC on data of another origin stands in performance"
            )
    if card.recommended and (why or card.fitness not in (None, RESEARCH)):
        reason = f"it {why[0]}" if why else f"its fitness is {card.fitness}, expected research"
        found.append(f"it can't be recommended: {reason}")
    return tuple(found)
