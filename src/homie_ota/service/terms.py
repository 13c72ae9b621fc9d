"""What the settings ask of deployments: deadlines, soak, what counts as worse, how often is tried again, alarms.

Rule: handed over once, at start; the rooms below get plain values and know no settings.
"""

from __future__ import annotations

from homie_ota.config import Settings
from homie_ota.health import Thresholds
from homie_ota.rollout.attempts import Budget
from homie_ota.rollout.deadlines import Bounds
from homie_ota.rollout.soak import Terms
from homie_ota.store import alarms, attempts, deployments, pace, pruning, verifying
from homie_ota.store.pruning import Keep


def hand_over(settings: Settings) -> None:
    """Hand the settings of `[rollout]`, and what `[storage]` keeps, to the rooms that need them."""
    wanted = settings.rollout
    deployments.use_limits(settings.limits)
    pace.use_bounds(Bounds(floor=wanted.deadline_floor, ceiling=wanted.deadline_ceiling))
    verifying.use_terms(
        Terms(soak=wanted.soak, intervals=wanted.soak_intervals, wakes=wanted.soak_wakes),
        Thresholds(heap=wanted.heap_margin, signal=wanted.signal_margin),
    )
    attempts.use_budget(Budget(wanted.attempts, wanted.backoff, wanted.longest_backoff))
    kept = settings.storage
    pruning.use_keep(
        Keep(kept.keep_events_days, kept.keep_transcripts_days, kept.keep_deployments, kept.keep_series_days)
    )
    alarms.use_limits(alarms.Limits(behind=wanted.alarm_behind, offers=wanted.alarm_offers))
