"""Every role, every table, every privilege: what there is, against what is meant, and tried.

What is meant stands in `MEANT`, written by hand: a new table, sequence or role without its line
fails here, and so does a right that nobody meant to give.  What the roles then really get through
with is tried by logging in as each of them.
"""

import re

import psycopg
import pytest
from attrs import field, frozen
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege

from adapters.postgres.migrate import Login, migrate
from tests.contract.subjects.postgres import INSTALLATION

#: What a line's letters allow, with a table or with the columns in brackets.
LETTERS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "u": "USAGE"}
TABLE_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
COLUMN_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "REFERENCES")
SEQUENCE_PRIVILEGES = ("SELECT", "UPDATE", "USAGE")

ROLES = ("app", "narrow", "sealer", "auditor", "readonly")
#: The tables' owner has every right to them, and sees no row: it is subject to the policies.
OWNER = "tallystick_migrator"

#: The application adds to history and changes nothing of it, and deletes nothing but failed
#: log-ins.  Nobody else writes; the narrow role does what its functions say.
MEANT = """
accounts             app=ra,w(custodian origin state key_ref curve public_key address
                              further_keys)
                     narrow=r readonly=r
api_keys             app=ra,w(name scopes expires_at revoked_at requests_per_minute
                              last_used_at auth_epoch)
                     narrow=r,w(revoked_at)
approval_policies    app=ra,w(needed) readonly=r
approvals            app=ra,w(plan_hash asked_by asked_at expires_at verdict decided_by
                              decided_at) readonly=r
archives             app=ra,w(state manifest events lines event_id archived_at dropped_at
                              deletion_begun_at deleted_at certificate)
                     narrow=r(month state manifest event_id) readonly=r
attempts             app=ra,w(broadcast_at rejected cost cost_rate cost_currency cost_rate_source
                              cost_rate_at) narrow=r readonly=r
audit_checkpoints    app=r narrow=r sealer=ra auditor=r readonly=r
audit_events         app=r,a(organisation_id sequence id at action subject live salt body)
                     narrow=r auditor=r readonly=r
audit_heads          app=ra,w(sequence) narrow=r,w(sequence) auditor=r readonly=r
audit_leaves         app=r narrow=r sealer=ra auditor=r readonly=r
audit_logs           app=r narrow=r sealer=ra,w(cluster closed_at closed_because) auditor=r
                     readonly=r
audit_tiles          app=r sealer=ra,w(hashes) auditor=r readonly=r
checkouts            app=ra
custodian_choices    app=ra,w(custodian) readonly=r
deployments          app=ra,w(owner predicted) readonly=r
disputes             app=ra,w(closed_at is_won) readonly=r
documents            app=ra readonly=r
evidence_packs       app=ra readonly=r
export_parts         app=ra readonly=r
exports              app=ra,w(state total written digest event_id finished_at expires_at
                              lease_token lease_until)
                     narrow=r(organisation_id id state requested_at expires_at lease_until)
                     readonly=r
fee_lines            app=ra,w(amount_minor costs invoice_item billed_at)
                     narrow=r(organisation_id amount_minor invoice_item) readonly=r
gift_lots            app=ra readonly=r
gifts                app=ra,w(state closed_at) narrow=r readonly=r
hold_lots            app=ra readonly=r
hold_teams           app=ra readonly=r
holds                app=ra,w(captured state closed_at corrected lease_until) readonly=r
identities           app=ra,w(subject_hash unlinked_at)
                     narrow=r(user_id issuer subject_hash)
idempotency_keys     app=ra,w(fingerprint operation_id refusal expires_at) narrow=rd
installation         app=r narrow=r(auth_epoch),w(auth_epoch) sealer=r readonly=r
journal              app=ra narrow=r auditor=r readonly=r
key_changes          app=ra,w(key_ref state code ended_at)
                     narrow=r(organisation_id id requested_at ended_at) readonly=r
legal_holds          app=ra,w(lifted_at lifted_because)
                     narrow=r(organisation_id id subject since until placed_at lifted_at)
                     readonly=r
legal_hold_events    app=r narrow=ra readonly=r
letters              app=ra,w(wrapping ciphertext state attempts due_at used_at)
                     narrow=r(organisation_id id state due_at expires_at wrapping),d
licences             app=ra,w(arranged_at told due_at) narrow=r readonly=r
login_attempts       app=rawd
lots                 app=ra,w(remaining expires_at lapsed clawed_back ended_at)
                     narrow=r(organisation_id effective_at fact) readonly=r
members              app=ra,w(role removed_at)
                     narrow=r(organisation_id id user_id created_at) readonly=r
migrations           app=r sealer=r readonly=r
native_budgets       app=ra,w(reserved spent) readonly=r
native_reservations  app=ra,w(spent) readonly=r
networks             app=ra,w(name final_number final_hash halted) narrow=r readonly=r
operations           app=ra,w(hold_id accepted_at state result failure_reason
                              failure_without_effect failure_detail waiting waiting_since due_at
                              lease_token lease_until lease_worker)
                     narrow=r,w(lease_token lease_until lease_worker) readonly=r
organisations        app=ra,w(name tariff) narrow=r(id tariff) readonly=r
outbox               app=a narrow=rd,w(topic)
outbox_position_seq
paid_periods         app=ra,w(payment amount_minor refunded_minor credits given_back) readonly=r
payers               app=ra,w(customer bound_at) narrow=r readonly=r
payment_events       app=ra narrow=r readonly=r
payment_versions     app=u
purchases            app=ra,w(refunded_minor version) readonly=r
quota_shifts         app=ra readonly=r
quotas               app=ra,w(most set_at) readonly=r
rates                app=ra readonly=r
reconciliations      app=ra readonly=r
sealed_secrets       app=ra,w(wrapping ciphertext) narrow=r(organisation_id name wrapping)
sessions             app=ra,w(organisation_id expires_at refresh_hash previous_hash rotated_at
                              successor revoked_at)
sign_in_flows        app=ra,w(used_at) narrow=r(organisation_id id expires_at),d
signers              app=ra,w(next_sequence slot_limit halted fence lease_until balance
                              balance_level balance_seen_at) narrow=r readonly=r
slots                app=ra,w(valid_until state is_adopted) narrow=r readonly=r
spendings            app=ra,w(bucket_starts bucket_credits alerted_at frozen_until) readonly=r
steps                app=ra,w(is_final included_transaction_id included_block
                              included_block_hash included_succeeded included_cost)
                     narrow=r readonly=r
subscriptions        app=ra,w(tariff period_start period_end first_failure_at cancelled_at
                              ends_at trial_ends_at left_at version ended_at)
                     narrow=r readonly=r
subject_keys         app=ra,w(wrapping ciphertext destroyed_at)
                     narrow=r(user_id destroyed_at wrapping)
teams                app=ra,w(name members dissolved_at) readonly=r
throttles            app=ra,w(seconds counts premium_at failures failed_at blocked_until told
                              told_at) readonly=r
token_watches        app=ra,w(due_at checked_at differences lease_token lease_until)
                     narrow=r,w(due_at lease_token lease_until) readonly=r
users                app=ra,w(email password_hash) narrow=r
webhook_attempts     app=ra
webhook_deliveries   app=ra,w(state attempts finished_at last_status last_error)
                     narrow=r(organisation_id endpoint_id id state created_at finished_at),d
webhook_endpoints    app=ra,w(url description event_types state disabled_because disabled_at
                              cursor next_number due_at held_until failures is_slow lease_token
                              lease_until)
                     narrow=r(organisation_id id state cursor due_at is_slow lease_token
                              lease_until),w(lease_token lease_until)
webhook_secrets      app=ra,w(expires_at wrapping ciphertext)
                     narrow=r(organisation_id endpoint_id number wrapping)
verifications        app=ra
wallets              app=ra,w(available held version debt watch_granted watch_since watch_told)
                     narrow=r readonly=r
"""

#: Which schema's objects a role may name, and in which it may make some.
SCHEMAS = {
    "public": dict.fromkeys(ROLES, "USAGE"),
    "narrow": {"app": "USAGE", "narrow": "USAGE", "sealer": "USAGE", "readonly": "USAGE"},
}

#: Belongs to no organisation: what there is, everybody who may read at all sees.
NOBODYS = {"archives", "audit_checkpoints", "audit_logs", "audit_tiles", "documents",
           "installation", "login_attempts", "migrations", "networks", "rates",
           "signers"}  # fmt: skip
HISTORY = ("audit_events", "journal")


@frozen
class Right:
    role: str
    thing: str
    privilege: str
    #: None: all of it, those of columns yet to come included.
    columns: frozenset[str] | None = field(default=None)


def lines_meant():
    """Each thing of `MEANT`, and what its line says of it."""
    for line in re.sub(r"\n +", " ", MEANT.strip()).splitlines():
        thing, _, rest = line.partition(" ")
        yield thing, rest


def rights_meant():
    found = set()
    for thing, rest in lines_meant():
        for role, letters in re.findall(r"(\w+)=((?:[a-z]+(?:\([^)]*\))?,?)+)", rest):
            for letter, columns in re.findall(r"([a-z])(?:\(([^)]*)\))?", letters):
                named = frozenset(columns.split()) if columns else None
                found.add(Right(role, thing, LETTERS[letter], named))
    return found


LOGINS = {
    group: Login(name=f"tallystick_test_{group}", password="test", group=f"tallystick_{group}")
    for group in ROLES
    if group != "narrow"
}

#: Who sees history at all; the sealer is told hashes of it.
HISTORIANS = [role for role in LOGINS if role != "sealer"]


@pytest.fixture(scope="module")
def administrator(url):
    migrate(url, installation=INSTALLATION, environment="test", logins=list(LOGINS.values()))
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def log_in(administrator, url):
    """Logs in as a member of a group, in the scope of an organisation and user, or of none."""
    connections = []

    def enter(group, organisation="", user=""):
        login = LOGINS[group]
        connection = psycopg.connect(
            make_conninfo(url, user=login.name, password=login.password), autocommit=True
        )
        connections.append(connection)
        connection.execute(
            "SELECT set_config('app.organisation_id', %s, false),"
            " set_config('app.user_id', %s, false)",
            [str(organisation), str(user)],
        )
        return connection

    yield enter
    for connection in connections:
        connection.close()


def catalogue(administrator):
    """Everything in the schema that rows can be in, or a number come from: name, kind, whether a
    partition.
    """
    return administrator.execute(
        """
        SELECT relname, relkind::text, relispartition
          FROM pg_class
         WHERE relnamespace = 'public'::regnamespace
           AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        """
    ).fetchall()


def tables(administrator):
    return sorted(
        name
        for name, kind, is_partition in catalogue(administrator)
        if kind != "S" and not is_partition
    )


def rights_given(administrator, role, thing, kind):
    """What the role may do in effect, whoever gave it: also by membership, also to everybody."""
    group, name = f"tallystick_{role}", f"public.{thing}"
    if kind == "S":
        return {
            Right(role, thing, privilege)
            for privilege in SEQUENCE_PRIVILEGES
            if is_true(
                administrator, "has_sequence_privilege(%s, %s, %s)", [group, name, privilege]
            )
        }
    privileges = list(TABLE_PRIVILEGES)
    if administrator.info.server_version >= 170_000:
        privileges.append("MAINTAIN")
    found = {
        Right(role, thing, privilege)
        for privilege in privileges
        if is_true(administrator, "has_table_privilege(%s, %s, %s)", [group, name, privilege])
    }
    for privilege in COLUMN_PRIVILEGES:
        if Right(role, thing, privilege) in found:
            continue
        columns = administrator.execute(
            """
            SELECT attname
              FROM pg_attribute
             WHERE attrelid = %(table)s::regclass
               AND attnum > 0
               AND NOT attisdropped
               AND has_column_privilege(%(role)s, attrelid, attnum, %(privilege)s)
            """,
            {"table": name, "role": group, "privilege": privilege},
        ).fetchall()
        if columns:
            found.add(Right(role, thing, privilege, frozenset(column for (column,) in columns)))
    return found


def is_true(administrator, condition, parameters):
    return administrator.execute(f"SELECT {condition}", parameters).fetchone() == (True,)


def test_what_is_in_the_schema_has_its_line(administrator):
    there = {name for name, _, is_partition in catalogue(administrator) if not is_partition}
    assert there == {thing for thing, _ in lines_meant()}


def test_every_right_is_meant_and_every_meant_right_is_there(administrator):
    given = set()
    for name, kind, is_partition in catalogue(administrator):
        if not is_partition:
            for role in ROLES:
                given |= rights_given(administrator, role, name, kind)
    meant = rights_meant()
    assert sorted(map(str, given - meant)) == [], "nobody meant these to be there"
    assert sorted(map(str, meant - given)) == [], "these are missing"


def test_no_role_has_any_right_to_a_partition(administrator):
    partitions = [name for name, _, is_partition in catalogue(administrator) if is_partition]
    assert len(partitions) >= 2 * 5
    given = set()
    for name in partitions:
        for role in ROLES:
            given |= rights_given(administrator, role, name, "r")
    assert given == set()


def test_there_are_no_other_roles_to_whom_anything_was_given(administrator):
    given_to = administrator.execute(
        """
        SELECT DISTINCT coalesce(rolname, 'everybody')
          FROM pg_class
         CROSS JOIN LATERAL aclexplode(relacl) AS acl
          LEFT JOIN pg_roles ON pg_roles.oid = acl.grantee
         WHERE relnamespace IN ('public'::regnamespace, 'narrow'::regnamespace)
         UNION
        SELECT DISTINCT coalesce(rolname, 'everybody')
          FROM pg_attribute
          JOIN pg_class ON pg_class.oid = attrelid
         CROSS JOIN LATERAL aclexplode(attacl) AS acl
          LEFT JOIN pg_roles ON pg_roles.oid = acl.grantee
         WHERE relnamespace = 'public'::regnamespace
        """
    ).fetchall()
    assert {name for (name,) in given_to} == {OWNER, *(f"tallystick_{role}" for role in ROLES)}


def test_everything_belongs_to_the_one_owner(administrator):
    owners = administrator.execute(
        """
        SELECT DISTINCT rolname
          FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner
         WHERE relnamespace = 'public'::regnamespace
        """
    ).fetchall()
    assert owners == [(OWNER,)]


def test_schemas_are_for_naming_things_and_the_owner_alone_makes_them(administrator):
    for schema, meant in SCHEMAS.items():
        for role in ROLES:
            given = [
                privilege
                for privilege in ("USAGE", "CREATE")
                if is_true(
                    administrator,
                    "has_schema_privilege(%s, %s, %s)",
                    [f"tallystick_{role}", schema, privilege],
                )
            ]
            assert " ".join(given) == meant.get(role, ""), (schema, role)


def test_no_role_is_another_or_more_than_an_ordinary_one(administrator):
    groups = [f"tallystick_{role}" for role in ROLES] + [OWNER]
    memberships = administrator.execute(
        """
        SELECT member.rolname, granted.rolname
          FROM pg_auth_members
          JOIN pg_roles AS member ON member.oid = member
          JOIN pg_roles AS granted ON granted.oid = roleid
         WHERE member.rolname = ANY (%s)
        """,
        [groups],
    ).fetchall()
    assert memberships == [(OWNER, "tallystick_narrow")]
    powers = administrator.execute(
        """
        SELECT rolname, rolbypassrls
          FROM pg_roles
         WHERE rolname = ANY (%s)
           AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolcanlogin OR rolreplication
                OR rolbypassrls)
        """,
        [groups],
    ).fetchall()
    assert powers == [("tallystick_narrow", True)]


# What they get through with.


def readable(administrator, role):
    return [
        table for table in tables(administrator) if Right(role, table, "SELECT") in rights_meant()
    ]


def count(connection, table):
    query = sql.SQL("SELECT count(*) FROM public.{}").format(sql.Identifier(table))
    return connection.execute(query).fetchone()[0]


@pytest.mark.parametrize("role", HISTORIANS)
def test_a_stranger_sees_nothing_in_any_table(administrator, log_in, ada, eve, role):
    at_home = log_in(role, ada.organisation, ada.user)
    without_a_scope = log_in(role)
    # Somebody real: a member of another organisation that has a row in every table.
    stranger = log_in(role, eve.organisation, eve.user)
    for table in tables(administrator):
        if table not in readable(administrator, role):
            with pytest.raises(InsufficientPrivilege):
                count(at_home, table)
        elif table not in NOBODYS:
            assert count(at_home, table) > 0, f"{table} is empty: nothing would be proven"
            assert count(without_a_scope, table) == 0, table
            assert rows_of(stranger, table, ada) == 0, table


def owner_of(table, resident):
    """The column that says whose a row is, and what it has in the resident's."""
    return {
        "organisations": ("id", resident.organisation),
        "users": ("id", resident.user),
        "identities": ("user_id", resident.user),
        "sessions": ("user_id", resident.user),
        "subject_keys": ("user_id", resident.user),
        "verifications": ("user_id", resident.user),
    }.get(table, ("organisation_id", resident.organisation))


def rows_of(connection, table, resident):
    """How many rows of the resident's the connection sees."""
    column, value = owner_of(table, resident)
    query = sql.SQL("SELECT count(*) FROM public.{} WHERE {} = %s")
    found = connection.execute(
        query.format(sql.Identifier(table), sql.Identifier(column)), [value]
    )
    return found.fetchone()[0]


@pytest.mark.parametrize("role", LOGINS)
def test_partitions_do_not_answer_to_their_names(administrator, log_in, ada, role):
    connection = log_in(role, ada.organisation, ada.user)
    for name, _, is_partition in catalogue(administrator):
        if is_partition:
            with pytest.raises(InsufficientPrivilege):
                count(connection, name)


def test_nothing_can_be_written_for_somebody_else(administrator, log_in, ada, eve):
    connection = log_in("app", eve.organisation, eve.user)
    # Whose row it would be is looked at before anything else that is wrong with it.
    for table in tables(administrator):
        if table in NOBODYS or Right("app", table, "INSERT") not in rights_meant():
            continue
        column, owner = owner_of(table, ada)
        statement = sql.SQL("INSERT INTO public.{} ({}) VALUES (%s)").format(
            sql.Identifier(table), sql.Identifier(column)
        )
        with pytest.raises(InsufficientPrivilege, match="row-level security"):
            connection.execute(statement, [owner])


def test_what_an_update_reaches_is_ones_own(administrator, log_in, ada, eve):
    mine, nobodys = log_in("app", eve.organisation, eve.user), log_in("app")
    for right in sorted(rights_meant(), key=str):
        if right.role != "app" or right.privilege != "UPDATE" or right.thing in NOBODYS:
            continue
        column = sql.Identifier(min(right.columns))
        statement = sql.SQL("UPDATE public.{} SET {} = {}").format(
            sql.Identifier(right.thing), column, column
        )
        own = rows_of(administrator, right.thing, eve)
        assert own < count(administrator, right.thing), right
        with mine.transaction(force_rollback=True):
            assert mine.execute(statement).rowcount == own, right
        with nobodys.transaction(force_rollback=True):
            assert nobodys.execute(statement).rowcount == 0, right


#: What whoever has stolen the role would try on history; `{}` is the table.
ATTACKS = (
    "UPDATE {} SET organisation_id = organisation_id",
    "DELETE FROM {}",
    "TRUNCATE {}",
    "SELECT FROM {} FOR UPDATE",
    "SELECT FROM {} FOR KEY SHARE",
    "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
    "MERGE INTO {} AS old USING (SELECT 1) AS once ON true WHEN MATCHED THEN DELETE",
    "ALTER TABLE {} DISABLE TRIGGER ALL",
    "ALTER TABLE {} DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE {} NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE {} OWNER TO CURRENT_USER",
    "ALTER TABLE {} RENAME TO forgotten",
    "ALTER TABLE {} ADD COLUMN forged boolean",
    "DROP TABLE {} CASCADE",
    "CREATE POLICY everything ON {} USING (true)",
    "DROP POLICY belongs_to_the_scope ON {}",
    (
        "CREATE TRIGGER forger BEFORE INSERT ON {} FOR EACH ROW"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    ),
    "CREATE RULE nothing AS ON INSERT TO {} DO INSTEAD NOTHING",
    "CREATE INDEX slow ON {} (organisation_id)",
)
#: What they would try to become somebody else, or to make the server look away.
ESCAPES = (
    "SET session_replication_role = replica",
    "SET ROLE tallystick_migrator",
    "SET ROLE tallystick_narrow",
    "SET SESSION AUTHORIZATION tallystick_migrator",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "CREATE ROLE somebody",
    "GRANT tallystick_migrator TO CURRENT_USER",
    "CREATE TABLE public.mine ()",
    "CREATE SCHEMA mine",
    "CREATE EXTENSION file_fdw",
    "CREATE FUNCTION narrow.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "DROP FUNCTION narrow.next_due()",
    "ALTER SYSTEM SET fsync = off",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT rolpassword FROM pg_authid",
    "SELECT pg_read_file('postgresql.conf')",
)


@pytest.mark.parametrize("role", HISTORIANS)
@pytest.mark.parametrize("table", HISTORY)
@pytest.mark.parametrize("attack", ATTACKS)
def test_history_withstands_whoever_has_a_role(log_in, ada, role, table, attack):
    connection = log_in(role, ada.organisation, ada.user)
    before = count(connection, table)
    with pytest.raises(InsufficientPrivilege), connection.transaction():
        connection.execute(sql.SQL(attack).format(sql.Identifier(table)))
    assert count(connection, table) == before


@pytest.mark.parametrize("role", HISTORIANS)
@pytest.mark.parametrize("table", HISTORY)
def test_what_a_role_may_do_it_cannot_hand_on(log_in, ada, role, table):
    connection = log_in(role, ada.organisation, ada.user)
    # PostgreSQL warns, where a role has another right to the table, and gives nothing.
    connection.execute(sql.SQL("GRANT ALL ON {} TO PUBLIC").format(sql.Identifier(table)))
    with pytest.raises(InsufficientPrivilege):
        connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))


@pytest.mark.parametrize("role", LOGINS)
@pytest.mark.parametrize("escape", ESCAPES)
def test_nobody_becomes_somebody_else(log_in, ada, role, escape):
    connection = log_in(role, ada.organisation, ada.user)
    with pytest.raises(InsufficientPrivilege):
        connection.execute(escape)


@pytest.mark.parametrize("role", LOGINS)
@pytest.mark.parametrize("other", [OWNER, *(f"tallystick_{role}" for role in ROLES)])
def test_a_log_in_is_of_one_group_only(log_in, role, other):
    connection = log_in(role)
    if other == f"tallystick_{role}":
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(other)))
    else:
        with pytest.raises(InsufficientPrivilege):
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(other)))


@pytest.mark.parametrize("role", HISTORIANS)
@pytest.mark.parametrize("table", HISTORY)
def test_row_level_security_cannot_be_asked_to_look_away(log_in, ada, role, table):
    connection = log_in(role, ada.organisation, ada.user)
    connection.execute("SET row_security = off")
    with pytest.raises(InsufficientPrivilege, match="row-level security"):
        count(connection, table)


@pytest.mark.parametrize("role", [role for role in HISTORIANS if role != "app"])
def test_readers_add_nothing(administrator, log_in, ada, role):
    connection = log_in(role, ada.organisation, ada.user)
    for table in tables(administrator):
        with pytest.raises(InsufficientPrivilege, match="permission denied"):
            connection.execute(
                sql.SQL("INSERT INTO public.{} DEFAULT VALUES").format(sql.Identifier(table))
            )


def test_the_auditor_reads_whose_history_it_names_and_nothing_else(
    administrator, log_in, ada, eve
):
    assert readable(administrator, "auditor") == [
        "audit_checkpoints",
        "audit_events",
        "audit_heads",
        "audit_leaves",
        "audit_logs",
        "audit_tiles",
        "journal",
    ]
    for resident in (ada, eve):
        connection = log_in("auditor", resident.organisation)
        for table in HISTORY:
            owners = sql.SQL("SELECT DISTINCT organisation_id FROM public.{}")
            found = connection.execute(owners.format(sql.Identifier(table))).fetchall()
            assert found == [(resident.organisation,)], table


@pytest.mark.parametrize("table", [*HISTORY, "audit_heads", "organisations", "sealed_secrets"])
def test_the_sealer_reads_nothing_of_what_happened(log_in, ada, table):
    with pytest.raises(InsufficientPrivilege):
        count(log_in("sealer", ada.organisation, ada.user), table)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_leaves SET position = position",
        "UPDATE audit_leaves SET hash = hash",
        "DELETE FROM audit_leaves",
        "TRUNCATE audit_leaves",
        "UPDATE audit_checkpoints SET note = note",
        "DELETE FROM audit_checkpoints",
        "UPDATE audit_tiles SET level = level",
        "DELETE FROM audit_tiles",
        "UPDATE audit_logs SET origin = origin",
        "UPDATE audit_logs SET public_key = public_key",
        "DELETE FROM audit_logs",
        "ALTER TABLE audit_tiles DISABLE TRIGGER ALL",
        "INSERT INTO audit_events DEFAULT VALUES",
    ],
)
@pytest.mark.parametrize("role", LOGINS)
def test_what_is_sealed_stays_sealed_whoever_tries(log_in, ada, role, statement):
    if role == "app" and statement.startswith("INSERT"):
        return  # Adding events is what the application is for.
    with pytest.raises(InsufficientPrivilege):
        log_in(role, ada.organisation, ada.user).execute(statement)


@pytest.mark.parametrize("role", HISTORIANS)
@pytest.mark.parametrize(
    "table", ["audit_logs", "audit_leaves", "audit_tiles", "audit_checkpoints"]
)
def test_only_the_sealer_seals(log_in, ada, role, table):
    with pytest.raises(InsufficientPrivilege, match="permission denied"):
        log_in(role, ada.organisation).execute(f"INSERT INTO {table} DEFAULT VALUES")


def test_the_sealer_is_told_ids_and_hashes_of_all(log_in, ada, eve):
    told = log_in("sealer").execute("SELECT * FROM narrow.unsealed_events(99, false)")
    assert [column.name for column in told.description] == [
        "trouble", "organisation_id", "sequence", "event_id", "hash",
    ]  # fmt: skip
