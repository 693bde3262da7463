"""Teams, quotas and gifts as rows."""

from adapters.postgres.rows import Row
from domain.gift import Direction, Gift, GiftPortion, GiftState
from domain.identifiers import Prefix
from domain.quota import Quota, QuotaShift, Subject, Team, Window


def team_from_row(row: Row) -> Team:
    return Team(
        organisation=row["organisation_id"],
        id=row["id"],
        name=row["name"],
        members=frozenset(row["members"]),
        created_at=row["created_at"],
        dissolved_at=row["dissolved_at"],
    )


def team_to_row(team: Team) -> Row:
    return {
        "organisation_id": team.organisation,
        "id": team.id,
        "name": team.name,
        "members": sorted(team.members),
        "created_at": team.created_at,
        "dissolved_at": team.dissolved_at,
    }


def subject_to_row(subject: Subject) -> Row:
    return {"subject_kind": subject.kind.value, "subject_id": subject.id}


def quota_from_row(row: Row) -> Quota:
    return Quota(
        organisation=row["organisation_id"],
        subject=Subject(kind=Prefix(row["subject_kind"]), id=row["subject_id"]),
        window=Window(row["quota_window"]),
        limit=row["most"],
        set_at=row["set_at"],
    )


def quota_to_row(quota: Quota) -> Row:
    return {
        "organisation_id": quota.organisation,
        **subject_to_row(quota.subject),
        "quota_window": quota.window.value,
        "most": quota.limit,
        "set_at": quota.set_at,
    }


def shift_to_row(shift: QuotaShift) -> Row:
    return {
        "organisation_id": shift.organisation,
        "id": shift.id,
        "giver": shift.giver,
        "receiver": shift.receiver,
        "quota_window": shift.window.value,
        "since": shift.since,
        "amount": shift.amount,
        "asked_by": shift.by,
        "at": shift.at,
    }


def gift_from_row(row: Row) -> Gift:
    """Without its portions."""
    return Gift(
        organisation=row["organisation_id"],
        id=row["id"],
        direction=Direction(row["direction"]),
        other=row["other_id"],
        amount=row["amount"],
        message=row["message"],
        state=GiftState(row["state"]),
        sent_by=row["sent_by"],
        sent_at=row["sent_at"],
        closed_at=row["closed_at"],
    )


def gift_to_row(gift: Gift) -> Row:
    return {
        "organisation_id": gift.organisation,
        "id": gift.id,
        "direction": gift.direction.value,
        "other_id": gift.other,
        "amount": gift.amount,
        "message": gift.message,
        "state": gift.state.value,
        "sent_by": gift.sent_by,
        "sent_at": gift.sent_at,
        "closed_at": gift.closed_at,
    }


def gift_portion_from_row(row: Row) -> GiftPortion:
    return GiftPortion(
        lot=row["lot_id"],
        amount=row["amount"],
        unit_cost_micros=row["unit_cost_micros"],
        currency=row["currency"],
        expires_at=row["expires_at"],
    )


def portions_to_rows(gift: Gift) -> list[Row]:
    return [
        {
            "organisation_id": gift.organisation,
            "gift_id": gift.id,
            "position": position,
            "lot_id": portion.lot,
            "amount": portion.amount,
            "unit_cost_micros": portion.unit_cost_micros,
            "currency": portion.currency,
            "expires_at": portion.expires_at,
        }
        for position, portion in enumerate(gift.portions, start=1)
    ]
