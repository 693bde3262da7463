"""Who may do what to the database, tried with the real roles."""

from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from tests.contract.subjects.postgres import APPLICATION, application_url

#: Tables that belong to no organisation and no user.
UNSCOPED = {"login_attempts", "networks", "signers", "installation", "migrations", "documents",
            "rates", "audit_logs", "audit_tiles", "audit_checkpoints", "archives"}  # fmt: skip
#: Filled through the port by `Resident`; the outbox is not for reading.
#: Belong to a person, whatever organisations they are in.
OF_PEOPLE = {"users", "subject_keys", "sessions", "verifications", "identities"}
UNREADABLE = {"outbox"}
HISTORY = ("journal", "audit_events")
#: Beside history: rows that are added, and never become others.
ADDED_ONLY = ("hold_lots", "hold_teams", "payment_events", "checkouts", "reconciliations", "rates",
              "quota_shifts", "gift_lots", "evidence_packs", "export_parts",
              "webhook_attempts")  # fmt: skip
NARROW = {
    "claim_from_lines": (
        "tallystick_narrow",
        "organisation_id, operation_id, token, request_id, traceparent",
    ),
    "claim_operations": ("tallystick_narrow", "organisation_id, operation_id, token"),
    "claim_operations_and_causes": (
        "tallystick_narrow",
        "organisation_id, operation_id, token, request_id, traceparent",
    ),
    "prolong_claims": ("tallystick_narrow", "organisation_id, operation_id, token"),
    "next_due": ("tallystick_narrow", "timestamptz"),
    "open_key_changes": ("tallystick_narrow", "organisation_id, id"),
    "find_login": ("tallystick_narrow", "uuid"),
    "find_identity": ("tallystick_narrow", "uuid"),
    "purge_sign_in_flows": ("tallystick_narrow", "int8"),
    "advance_auth_epoch": ("tallystick_narrow", "integer"),
    "keys_made_by": ("tallystick_narrow", "id"),
    "find_api_key": ("tallystick_narrow", "organisation_id, id"),
    "requested_accounts": ("tallystick_narrow", "organisation_id, id"),
    "count_open_slots": ("tallystick_narrow", "int8"),
    "take_outbox": ("tallystick_narrow", "organisation_id, id, topic, key"),
    "purge_idempotency_keys": ("tallystick_narrow", "int8"),
    "prepare_month": ("tallystick_migrator", "void"),
    "claim_token_watches": ("tallystick_narrow", "organisation_id, deployment_id, token"),
    "unwatched_tokens": ("tallystick_narrow", "organisation_id, id"),
    "watched_tokens": ("tallystick_narrow", "organisation_id, id"),
    "find_payer": ("tallystick_narrow", "uuid"),
    "is_payment_event": ("tallystick_narrow", "boolean"),
    "ended_subscriptions": ("tallystick_narrow", "organisation_id"),
    "due_licences": ("tallystick_narrow", "organisation_id"),
    "paid_lots": ("tallystick_narrow", "organisation_id, fact"),
    "open_fees": ("tallystick_narrow", "organisation_id"),
    "list_organisations": ("tallystick_narrow", "id"),
    "tariffs_in_use": ("tallystick_narrow", "tariff, organisations"),
    "gifts_under_way": ("tallystick_narrow", "organisation_id, id"),
    "exports_waiting": ("tallystick_narrow", "organisation_id, id"),
    "legal_holds_placed": ("tallystick_narrow", "organisation_id, id"),
    "legal_holds_over": ("tallystick_narrow", "organisation_id, id"),
    "letters_due": ("tallystick_narrow", "organisation_id, id"),
    "purge_letters": ("tallystick_narrow", "int8"),
    "wrapped_by_others": ("tallystick_narrow", "sort, organisation_id, name"),
    "count_wrapped_by_others": ("tallystick_narrow", "int8"),
    "memberships_of_user": ("tallystick_narrow", "organisation_id, id"),
    "legal_holds_on": ("tallystick_narrow", "organisation_id, id"),
    "revoke_api_keys_of_erased": ("tallystick_narrow", "int8"),
    "month_volume": ("tallystick_narrow", "events, lines, strays"),
    "exports_over": ("tallystick_narrow", "organisation_id, id"),
    "webhooks_behind": ("tallystick_narrow", "organisation_id"),
    "claim_webhooks": ("tallystick_narrow", "organisation_id, id, token, is_slow"),
    "purge_webhook_deliveries": ("tallystick_narrow", "int8"),
    "ledger_volumes": ("tallystick_narrow", "organisation_id, lines"),
    "unsealed_events": ("tallystick_narrow", "trouble, organisation_id, sequence, event_id, hash"),
    "seal_backlog": ("tallystick_narrow", "events, since"),
    "remember_hold": ("tallystick_narrow", "void"),
    "a_hold_is_remembered": ("tallystick_narrow", "trigger"),
    "legal_holds_in_force": (
        "tallystick_narrow",
        "organisation_id, id, placed_at, subject, since, until",
    ),
    "turns_see_that_it_has_changed": ("tallystick_narrow", "trigger"),
    "trail_begins": ("tallystick_narrow", "timestamptz"),
    "queue_figures": ("tallystick_narrow", "figure, label, count, since"),
    "operation_keeps_its_promises": ("tallystick_narrow", "trigger"),
}
#: Whose they are not to call.
NOT_THE_APPLICATIONS = {
    "operation_keeps_its_promises",
    "unsealed_events",
    "remember_hold",
    "a_hold_is_remembered",
    "legal_holds_in_force",
    "turns_see_that_it_has_changed",
    "queue_figures",
}
WATCHERS = {"queue_figures"}
READERS = {"keys_made_by", "ledger_volumes", "seal_backlog", "trail_begins"}
SEALERS = {"unsealed_events", "seal_backlog"}


@pytest.fixture(scope="module")
def administrator(url):
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def as_application(url):
    """Connections of the application's role, with a scope or without."""
    with psycopg.connect(application_url(url)) as connection:

        def enter(organisation="", user=""):
            connection.execute(
                "SELECT set_config('app.organisation_id', %s, true),"
                " set_config('app.user_id', %s, true)",
                [str(organisation), str(user)],
            )
            return connection

        yield enter
        connection.rollback()


def tables(administrator, kinds="rp"):
    rows = administrator.execute(
        """
        SELECT relname, relispartition, relrowsecurity AND relforcerowsecurity
          FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind = ANY(%s)
        """,
        [list(kinds)],
    )
    return rows.fetchall()


def scoped_tables(administrator):
    return sorted(
        name
        for name, is_partition, _ in tables(administrator)
        if name not in UNSCOPED and not is_partition
    )


def count(connection, table):
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
    return connection.execute(query).fetchone()[0]


def test_every_table_is_walled_off_or_named_as_nobodys(administrator):
    open_tables = {name for name, _, is_forced in tables(administrator) if not is_forced}
    assert open_tables == UNSCOPED


def test_every_tenant_key_begins_with_the_organisation(administrator):
    first_columns = dict(
        administrator.execute(
            """
            SELECT conrelid::regclass::text, attname
              FROM pg_constraint JOIN pg_attribute
                ON attrelid = conrelid AND attnum = conkey[1]
             WHERE contype = 'p' AND connamespace = 'public'::regnamespace
            """
        ).fetchall()
    )
    tenants = set(scoped_tables(administrator)) - OF_PEOPLE - {"organisations"}
    assert {first_columns[table] for table in tenants} == {"organisation_id"}


def test_the_owner_sees_its_rows_and_a_stranger_none(administrator, as_application, ada, eve):
    for table in scoped_tables(administrator):
        if table in UNREADABLE:
            continue
        connection = as_application(ada.organisation, ada.user)
        assert count(connection, table) > 0, f"{table} is empty: nothing would be proven"
        stranger = as_application(uuid4(), uuid4())
        assert count(stranger, table) == 0, table


def test_two_organisations_do_not_see_each_other(administrator, as_application, ada, eve):
    for table in scoped_tables(administrator):
        if table in UNREADABLE | OF_PEOPLE | {"organisations"}:
            continue
        query = sql.SQL("SELECT DISTINCT organisation_id FROM {}").format(sql.Identifier(table))
        for mine in (ada, eve):
            connection = as_application(mine.organisation, mine.user)
            assert connection.execute(query).fetchall() == [(mine.organisation,)], table


def test_without_a_scope_nothing_is_to_be_seen(administrator, as_application, ada):
    for table in scoped_tables(administrator):
        if table not in UNREADABLE:
            assert count(as_application(), table) == 0, table


def test_a_user_sees_the_organisations_they_are_a_member_of(as_application, ada, eve):
    connection = as_application(user=ada.user)
    assert connection.execute("SELECT id FROM organisations").fetchall() == [(ada.organisation,)]


def test_nothing_can_be_written_into_another_organisation(as_application, ada, eve):
    connection = as_application(eve.organisation)
    with pytest.raises(InsufficientPrivilege, match="row-level security"):
        connection.execute(
            "INSERT INTO sealed_secrets VALUES (%s, 'planted', 'none', '')", [ada.organisation]
        )


def test_the_installation_sees_the_slots_of_all_and_nothing_else_of_them(
    administrator, as_application, ada
):
    connection = as_application("00000000-0000-0000-0000-000000000000")
    mine = sql.SQL("SELECT count(*) FROM {} WHERE organisation_id = %s")
    seen = {
        table
        for table in scoped_tables(administrator)
        if table not in UNREADABLE | OF_PEOPLE | {"organisations"}
        and connection.execute(mine.format(sql.Identifier(table)), [ada.organisation]).fetchone()
        != (0,)
    }
    assert seen == {"slots", "attempts"}


@pytest.mark.parametrize("table", HISTORY)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET at = at",
        "DELETE FROM {}",
        "TRUNCATE {}",
        "SELECT FROM {} FOR UPDATE",
    ],
)
def test_the_application_cannot_change_history(as_application, ada, table, statement):
    connection = as_application(ada.organisation)
    with pytest.raises(InsufficientPrivilege):
        connection.execute(sql.SQL(statement).format(sql.Identifier(table)))


@pytest.mark.parametrize("table", [*HISTORY, *ADDED_ONLY])
def test_what_is_only_added_to_is_never_changed(administrator, table):
    changes = administrator.execute(
        "SELECT has_any_column_privilege('tallystick_app', %(table)s, 'UPDATE'),"
        " has_table_privilege('tallystick_app', %(table)s, 'DELETE, TRUNCATE')",
        {"table": table},
    ).fetchone()
    assert changes == (False, False)


@pytest.mark.parametrize(
    "role", ["tallystick_app", "tallystick_sealer", "tallystick_auditor", "tallystick_readonly"]
)
def test_partitions_cannot_be_touched_by_name(administrator, role):
    partitions = [name for name, is_partition, _ in tables(administrator) if is_partition]
    assert len(partitions) >= 2 * 5
    for partition in partitions:
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"):
            allowed = administrator.execute(
                "SELECT has_table_privilege(%s, %s, %s)", [role, partition, right]
            ).fetchone()
            assert allowed == (False,), (partition, right)


def test_the_application_deletes_nothing_but_failed_log_ins(administrator):
    rights = administrator.execute(
        """
        SELECT table_name, privilege_type
          FROM information_schema.role_table_grants
         WHERE grantee = 'tallystick_app'
           AND privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE')
        """
    ).fetchall()
    assert rights == [("login_attempts", "DELETE")]


def test_what_was_signed_cannot_be_rewritten(as_application, ada):
    connection = as_application(ada.organisation)
    with pytest.raises(InsufficientPrivilege):
        connection.execute("UPDATE attempts SET raw = ''")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE documents SET content = '', digest = sha256('')",
        "UPDATE documents SET stored_at = now()",
        "DELETE FROM documents",
        "TRUNCATE documents",
        "SELECT FROM documents FOR UPDATE",
    ],
)
def test_what_a_token_points_at_is_there_for_ever(as_application, statement):
    with pytest.raises(InsufficientPrivilege):
        as_application().execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine ()",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION narrow.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE journal DISABLE ROW LEVEL SECURITY",
        "DROP TABLE outbox",
        "SET ROLE tallystick_narrow",
        "SET ROLE tallystick_migrator",
    ],
)
def test_the_application_has_no_say_in_the_schema(as_application, statement):
    with pytest.raises(InsufficientPrivilege):
        as_application().execute(statement)


def test_the_tables_owner_is_subject_to_the_policies_too(url, ada):
    with psycopg.connect(url) as connection:
        connection.execute("SET ROLE tallystick_migrator")
        assert count(connection, "journal") == 0


def test_an_auditor_reads_the_history_of_the_organisation_it_names(url, ada, eve):
    with psycopg.connect(url) as connection:
        connection.execute("SET ROLE tallystick_auditor")
        connection.execute(
            "SELECT set_config('app.organisation_id', %s, true)", [str(ada.organisation)]
        )
        for table in HISTORY:
            assert count(connection, table) > 0
            owners = sql.SQL("SELECT DISTINCT organisation_id FROM {}")
            found = connection.execute(owners.format(sql.Identifier(table))).fetchall()
            assert found == [(ada.organisation,)]
        with pytest.raises(InsufficientPrivilege):
            connection.execute("INSERT INTO journal SELECT * FROM journal")


@pytest.mark.parametrize(
    "table",
    [*sorted(OF_PEOPLE), "api_keys", "letters", "login_attempts", "sealed_secrets"],
)
@pytest.mark.parametrize("role", ["tallystick_auditor", "tallystick_readonly"])
def test_readers_see_no_secrets_and_no_people(administrator, role, table):
    allowed = administrator.execute(
        "SELECT has_any_column_privilege(%s, %s, 'SELECT')", [role, table]
    ).fetchone()
    assert allowed == (False,)


def test_readers_write_nothing(administrator):
    rights = administrator.execute(
        """
        SELECT DISTINCT privilege_type
          FROM information_schema.role_table_grants
         WHERE grantee IN ('tallystick_auditor', 'tallystick_readonly')
        """
    ).fetchall()
    assert rights == [("SELECT",)]


def test_the_ways_past_the_wall_are_few_narrow_and_pinned(administrator):
    found = administrator.execute(
        """
        SELECT proname, rolname, prosecdef, proconfig,
               coalesce((SELECT string_agg(name, ', ' ORDER BY place)
                           FROM unnest(proargnames, proargmodes)
                                WITH ORDINALITY AS argument (name, mode, place)
                          WHERE mode = 't'),
                        prorettype::regtype::text),
               has_function_privilege('public', pg_proc.oid, 'EXECUTE'),
               has_function_privilege('tallystick_app', pg_proc.oid, 'EXECUTE'),
               has_function_privilege('tallystick_readonly', pg_proc.oid, 'EXECUTE'),
               has_function_privilege('tallystick_sealer', pg_proc.oid, 'EXECUTE'),
               has_function_privilege('tallystick_metrics', pg_proc.oid, 'EXECUTE')
          FROM pg_proc
          JOIN pg_roles ON pg_roles.oid = proowner
         WHERE pronamespace = 'narrow'::regnamespace
        """
    ).fetchall()
    names = {"timestamp with time zone": "timestamptz", "bigint": "int8"}
    assert {row[0]: (row[1], names.get(row[4], row[4])) for row in found} == NARROW
    for name, _, is_definer, settings, _, everybody, *rights in found:
        application, reader, sealer, watcher = rights
        assert is_definer, name
        assert "search_path=pg_catalog, pg_temp" in settings, name
        assert not everybody, name
        assert reader == (name in READERS), name
        assert sealer == (name in SEALERS), name
        assert watcher == (name in WATCHERS), name
        assert application == (name not in NOT_THE_APPLICATIONS), name


def test_nothing_outside_that_schema_runs_with_other_rights(administrator):
    elsewhere = administrator.execute(
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace <> 'narrow'::regnamespace"
    ).fetchall()
    assert elsewhere == []


def test_nobody_is_the_narrow_role(administrator):
    members = administrator.execute(
        """
        SELECT member.rolname
          FROM pg_auth_members JOIN pg_roles AS member ON member.oid = member
         WHERE roleid = 'tallystick_narrow'::regrole
        """
    ).fetchall()
    assert members == [("tallystick_migrator",)]


def test_the_application_logs_in_as_an_ordinary_role(administrator):
    row = administrator.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb"
        "  FROM pg_roles WHERE rolname = %s",
        [APPLICATION.name],
    ).fetchone()
    assert row == (False, False, False, False)
