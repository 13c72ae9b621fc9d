"""A plan in words, for the pages of rollouts.

Rule: what is as usual is said, too: a person should not have to know it.
"""

from __future__ import annotations

from homie_ota.rollout import spelling
from homie_ota.rollout.plan import Gate, OnHarm, Order, Plan
from homie_ota.web import words
from homie_ota.web.texts import N_, _

ON_HARM = {
    OnHarm.PAUSE: N_("pause: nothing new starts, a person decides"),
    OnHarm.DRAIN: N_("drain: what was sent ends, and with it the rollout"),
    OnHarm.REVERT: N_("revert: who was updated goes back to the old image"),
}
ORDERS = {
    Order.STRONG_FIRST: N_("strong signal first"),
    Order.NAME: N_("by name"),
    Order.AS_FOUND: N_("as found"),
}


def plan_words(plan: Plan) -> list[tuple[str, str]]:
    """Label and value of everything that a plan says."""
    limits = plan.limits
    told = [
        (_("waves"), spelling.waves_text(plan.waves)),
        (_("gates"), "; ".join(_gate(at, rule.gate) for at, rule in enumerate(plan.waves))),
        (_("at a time"), str(limits.parallel) if limits.parallel else _("no limit")),
        (_("bytes in flight"), words.size(limits.bytes_in_flight)),
        (_("starts a minute"), f"{limits.starts_per_minute:g}" if limits.starts_per_minute else ""),
        (_("windows"), "; ".join(spelling.window_text(each) for each in plan.windows)),
        (_("only while"), "; ".join(plan.guards)),
        (_("last"), plan.last),
        (_("order"), _(ORDERS[plan.order])),
        (_("on harm"), _(ON_HARM[plan.on_harm])),
        (_("attempts"), str(plan.attempts)),
        (
            _("waited for"),
            _(
                "%(wait)s; late joiners %(late)s",
                wait=words.duration(plan.absent_after),
                late=words.duration(plan.late_for),
            ),
        ),
    ]
    return [(label, value) for label, value in told if value]


def _gate(at: int, gate: Gate) -> str:
    return _(
        "%(wave)s: verified ≥ %(share)s %%, harm ≤ %(harm)s, tried ≥ %(least)s, %(soak)s soak",
        wave=at + 1,
        share=f"{gate.verified * 100:g}",
        harm=gate.harmful,
        least=gate.minimum,
        soak=words.duration(gate.soak) if gate.soak else _("no"),
    )
