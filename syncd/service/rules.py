"""What the settings mean for each part of the house: values in, values out."""

from syncd.domain.cadence import Cadence, Cron, Every
from syncd.domain.policy import Policy
from syncd.domain.resource import Resource
from syncd.domain.resources import BY_NAME, RESOURCES
from syncd.domain.webhook import nouns, topic_resource
from syncd.engine.pairs import TokenRules
from syncd.engine.rules import Cadences, HookRules, PullRules, PushRules
from syncd.remote.settings import RemoteSettings
from syncd.service.sections import PullSection
from syncd.service.settings import Loaded


def enabled_resources(loaded: Loaded) -> tuple[Resource, ...]:
    """What is mirrored, in the order in which a shop is first filled."""
    chosen = loaded.settings.resources
    return tuple(resource for resource in RESOURCES if resource.name not in chosen or chosen[resource.name].enabled)


def pull_rules(loaded: Loaded) -> PullRules:
    """The numbers that steer pulling, as the settings say."""
    pull = loaded.settings.pull
    usual = Cadences(
        quick=_cadence(pull, None, pull.quick_cron) or Every(pull.quick_s),
        walk=_cadence(pull, None, pull.walk_cron) or Every(pull.walk_s),
    )
    cadences = {
        name: Cadences(
            quick=_cadence(pull, own.quick_s, own.quick_cron) or usual.quick,
            walk=_cadence(pull, own.walk_s, own.walk_cron) or usual.walk,
            fresh_s=own.fresh_s,
        )
        for name, own in loaded.settings.resources.items()
    }
    return PullRules(
        overlap_s=pull.overlap_s,
        page_rows_max=pull.page_rows_max,
        audit_period_s=pull.audit_period_s,
        brake_least=pull.brake_least,
        brake_share=pull.brake_share,
        looks_s=pull.looks_s,
        cadences=cadences,
        default_cadence=usual,
    )


def _cadence(pull: PullSection, every_s: float | None, line: str | None) -> Cadence | None:
    if every_s is not None:
        return Every(every_s)
    if not line:
        return None
    from syncd.host.cron import crontab  # loads a scheduler: only where a line is given

    read = crontab(line, pull.cron_zone)
    return Cron(f"{read.line} {read.zone}", read.next_beat)


def push_rules(loaded: Loaded) -> PushRules:
    """The numbers that steer pushing. What is said of one resource counts before what is said of all."""
    push, usual = loaded.settings.push, PushRules()
    own = {name: each.create_quiet_s for name, each in loaded.settings.resources.items()}
    return PushRules(
        create_quiet_s=push.create_quiet_s,
        create_quiet_by=usual.create_quiet_by | {name: quiet for name, quiet in own.items() if quiet is not None},
        brake_least=push.brake_least,
        brake_share=push.brake_share,
        scan_s=push.scan_s,
        doubt_look_s=push.doubt_look_s,
        every_s=push.every_s,
    )


def hook_rules(loaded: Loaded) -> HookRules:
    """What is said of webhooks; topics of what is not mirrored are left out."""
    own, mirrored = loaded.settings.webhooks, nouns(enabled_resources(loaded))
    return HookRules(
        public_url=own.public_url,
        topics=tuple(topic for topic in own.topics if topic_resource(topic, mirrored) is not None),
        check_s=own.check_s,
        rate_per_s=own.rate_per_s,
        burst=own.burst,
        looks_per_hour=own.looks_per_hour,
        unknown_per_hour=own.unknown_looks_per_hour,
        keep_days=own.keep_days,
    )


def policies(loaded: Loaded) -> dict[str, Policy]:
    """Who wins a conflict, for the resources of which something is said."""
    return {
        name: Policy.parse(BY_NAME[name], own.choices, deletes=own.deletes)
        for name, own in loaded.settings.resources.items()
        if own.choices or own.deletes
    }


def token_rules(loaded: Loaded) -> TokenRules:
    """The numbers of the vault."""
    return TokenRules(idle_s=loaded.settings.vault.idle_s)


def remote_settings(loaded: Loaded) -> RemoteSettings:
    """What is set about the wire."""
    remote = loaded.settings.remote
    return RemoteSettings(
        connect_s=remote.connect_timeout_s,
        read_s=remote.read_timeout_s,
        response_bytes_max=remote.response_bytes_max,
        tries=remote.tries,
        limit_headers=(remote.limit_header,),
        zone=remote.zone,
        ca_file=str(loaded.path(remote.ca_file)) if remote.ca_file else "",
    )
