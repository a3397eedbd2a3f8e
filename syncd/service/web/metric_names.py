"""The names of the metrics, a promise to dashboards and alert rules: names are added, never changed.

docs/metrics.md is compared with this table. Must not know where values come from.
"""

from typing import Final, NamedTuple

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

GAUGE: Final = "gauge"
COUNTER: Final = "counter"
HISTOGRAM: Final = "histogram"
Family = GaugeMetricFamily | CounterMetricFamily


class Metric(NamedTuple):
    """A name, what it means, its labels."""

    name: str
    kind: str
    about: str
    labels: tuple[str, ...] = ()

    def family(self) -> Family:
        """An empty family of samples."""
        if self.kind == COUNTER:
            return CounterMetricFamily(self.name, self.about, labels=self.labels)
        return GaugeMetricFamily(self.name, self.about, labels=self.labels)


_SHOP: Final = ("shop",)
_RESOURCE: Final = ("shop", "resource")
_BUILD: Final = ("version", "python", "database")
_CALLS: Final = ("shop", "job", "class", "word")

METRICS: Final = (
    Metric("syncd_up", GAUGE, "1 while the daemon answers."),
    Metric(
        "syncd_build_info",
        GAUGE,
        "Always 1: version and surroundings.",
        ("version", "python", "database"),
    ),
    Metric("syncd_draining", GAUGE, "1 while the daemon stops."),
    Metric("syncd_beat_age_seconds", GAUGE, "Since the supervisor last went over the shops."),
    Metric("syncd_database_up", GAUGE, "0 where the databases do not answer: what is read from them is left out."),
    Metric("syncd_collect_seconds", GAUGE, "What reading these figures took."),
    Metric("syncd_loop_lag_seconds", HISTOGRAM, "How late the event loop woke up, measured every second."),
    Metric("syncd_replicas", GAUGE, "Daemons seen on this database in the last 30 seconds."),
    Metric("syncd_shop_state", GAUGE, "1 for the state that the shop is in.", ("shop", "state")),
    Metric("syncd_shop_leased", GAUGE, "1 where some replica holds the shop's lease.", _SHOP),
    Metric("syncd_lease_left_seconds", GAUGE, "How long the lease holds unless it is renewed.", ("shop", "owner")),
    Metric("syncd_resource_available", GAUGE, "0 where the grant or the shop does not offer the resource.", _RESOURCE),
    Metric("syncd_resource_filled", GAUGE, "1 once the first load ended.", _RESOURCE),
    Metric("syncd_resource_lag_seconds", GAUGE, "Age of the last look at the resource.", _RESOURCE),
    Metric("syncd_resource_walk_age_seconds", GAUGE, "Age of the last complete look.", _RESOURCE),
    Metric("syncd_resource_bound_seconds", GAUGE, "Within this time an edit in the shop is found.", _RESOURCE),
    Metric("syncd_resource_late_seconds", GAUGE, "By how much the lag exceeds the bound.", _RESOURCE),
    Metric("syncd_resource_rows", GAUGE, "Records in the mirror without tombstones, counted once a minute.", _RESOURCE),
    Metric("syncd_resource_remote_rows", GAUGE, "Records that the shop counted last.", _RESOURCE),
    Metric("syncd_hints", GAUGE, "Records that wait to be looked at.", ("shop", "resource", "source")),
    Metric("syncd_outbox_changes", GAUGE, "Edits on their way to the shop.", ("shop", "resource", "state")),
    Metric("syncd_conflicts", GAUGE, "Fields that both sides changed, waiting for a person.", _RESOURCE),
    Metric("syncd_parked_records", GAUGE, "Records that the mirror cannot take.", _RESOURCE),
    Metric("syncd_refused_edits", GAUGE, "Edits that the shop cannot take, kept with the reason.", _RESOURCE),
    Metric("syncd_brakes", GAUGE, "1 where a brake waits for a person.", _RESOURCE),
    Metric("syncd_budget_level_calls", GAUGE, "How full the shop's call bucket is.", _SHOP),
    Metric("syncd_budget_size_calls", GAUGE, "What the bucket holds.", _SHOP),
    Metric("syncd_budget_leak_calls_per_second", GAUGE, "What the bucket regains a second.", _SHOP),
    Metric("syncd_budget_blocked_seconds", GAUGE, "How long nobody may call, after a refusal.", _SHOP),
    Metric("syncd_budget_granted_calls_total", COUNTER, "Calls granted by all processes.", _SHOP),
    Metric(
        "syncd_calls_total", COUNTER, "Calls of all processes, by what they were for.", ("shop", "job", "class", "word")
    ),
    Metric(
        "syncd_calls_waited_seconds_total",
        COUNTER,
        "How long calls waited for the budget.",
        ("shop", "job", "class", "word"),
    ),
    Metric("syncd_calls_refused_total", COUNTER, "Answers 429 that this process met.", _SHOP),
    Metric("syncd_runs_total", COUNTER, "Runs in the journal, by how they ended.", ("shop", "job", "outcome")),
    Metric("syncd_token_phase", GAUGE, "1 for the phase that the shop's tokens are in.", ("shop", "phase")),
    Metric("syncd_token_age_seconds", GAUGE, "Since the newest pair of tokens was issued.", _SHOP),
    Metric(
        "syncd_token_expires_in_seconds",
        GAUGE,
        "Until the access token ends; below 0 until it is renewed.",
        _SHOP,
    ),
    Metric("syncd_token_generation", GAUGE, "How often the shop's tokens were exchanged.", _SHOP),
    Metric("syncd_webhooks", GAUGE, "Webhooks registered with the shop.", _SHOP),
    Metric("syncd_webhook_deliveries", GAUGE, "Webhook deliveries kept in the inbox.", ("shop", "state")),
)
BY_NAME: Final = {metric.name: metric for metric in METRICS}
