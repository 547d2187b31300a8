-- What Orleans' ADO.NET providers need of a PostgreSQL to keep silos, states and reminders in it. They read each statement that they run from the
-- table orleansquery; their packages bring none, so these are ours: one statement each, of which none sees half of another.

CREATE TABLE orleansquery (querykey text PRIMARY KEY, querytext text NOT NULL);

CREATE TABLE silo_versions (cluster text PRIMARY KEY, version int NOT NULL);

CREATE TABLE silos (
    cluster text NOT NULL,
    address text NOT NULL,
    port int NOT NULL,
    generation int NOT NULL,
    siloname text NOT NULL,
    hostname text NOT NULL,
    status int NOT NULL,
    proxyport int NOT NULL,
    suspecttimes text,
    starttime timestamptz NOT NULL,
    iamalivetime timestamptz NOT NULL,
    PRIMARY KEY (cluster, address, port, generation));

CREATE TABLE states (
    service text NOT NULL,
    type text NOT NULL,
    n0 bigint NOT NULL,
    n1 bigint NOT NULL,
    extension text NOT NULL,
    version int NOT NULL,
    payload bytea,
    PRIMARY KEY (service, type, n0, n1, extension));

CREATE TABLE reminders (
    service text NOT NULL,
    grainid text NOT NULL,
    remindername text NOT NULL,
    hash int NOT NULL,
    starttime timestamptz NOT NULL,
    period bigint NOT NULL,
    version int NOT NULL,
    PRIMARY KEY (service, grainid, remindername));

CREATE INDEX ON reminders (service, hash);

INSERT INTO orleansquery VALUES

('GatewaysQueryKey', $$
    SELECT address, proxyport, generation FROM silos WHERE cluster = @DeploymentId AND status = @Status AND proxyport > 0
$$),

('MembershipReadAllKey', $$
    SELECT silos.*, silo_versions.version FROM silo_versions LEFT JOIN silos USING (cluster) WHERE cluster = @DeploymentId
$$),

('MembershipReadRowKey', $$
    SELECT silos.*, silo_versions.version
    FROM silo_versions LEFT JOIN silos
        ON silos.cluster = silo_versions.cluster AND address = @Address AND port = @Port AND generation = @Generation
    WHERE silo_versions.cluster = @DeploymentId
$$),

('InsertMembershipVersionKey', $$
    WITH added AS (INSERT INTO silo_versions VALUES (@DeploymentId, 0) ON CONFLICT DO NOTHING RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM added)
$$),

('InsertMembershipKey', $$
    WITH counted AS (
        UPDATE silo_versions SET version = version + 1
        WHERE cluster = @DeploymentId AND version = @Version AND NOT EXISTS (
            SELECT 1 FROM silos WHERE cluster = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
        RETURNING 1),
    added AS (
        INSERT INTO silos (cluster, address, port, generation, siloname, hostname, status, proxyport, starttime, iamalivetime)
        SELECT @DeploymentId, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort, @StartTime, @IAmAliveTime FROM counted
        RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM added)
$$),

('UpdateMembershipKey', $$
    WITH counted AS (
        UPDATE silo_versions SET version = version + 1
        WHERE cluster = @DeploymentId AND version = @Version AND EXISTS (
            SELECT 1 FROM silos WHERE cluster = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
        RETURNING 1),
    changed AS (
        UPDATE silos SET status = @Status, suspecttimes = @SuspectTimes, iamalivetime = @IAmAliveTime
        WHERE cluster = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation AND EXISTS (SELECT 1 FROM counted)
        RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM changed)
$$),

('UpdateIAmAlivetimeKey', $$
    UPDATE silos SET iamalivetime = @IAmAliveTime
    WHERE cluster = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation
$$),

-- 6 is dead.
('CleanupDefunctSiloEntriesKey', $$
    DELETE FROM silos WHERE cluster = @DeploymentId AND status = 6 AND iamalivetime < @IAmAliveTime
$$),

('DeleteMembershipTableEntriesKey', $$
    WITH gone AS (DELETE FROM silos WHERE cluster = @DeploymentId)
    DELETE FROM silo_versions WHERE cluster = @DeploymentId
$$),

('ReadFromStorageKey', $$
    SELECT payload AS PayloadBinary, version FROM states
    WHERE service = @ServiceId AND type = @GrainTypeString AND n0 = @GrainIdN0 AND n1 = @GrainIdN1 AND extension = coalesce(@GrainIdExtensionString::text, '')
$$),

-- No row is the answer to who has not seen the newest.
('WriteToStorageKey', $$
    WITH changed AS (
        UPDATE states SET version = version + 1, payload = @PayloadBinary
        WHERE service = @ServiceId AND type = @GrainTypeString AND n0 = @GrainIdN0 AND n1 = @GrainIdN1
            AND extension = coalesce(@GrainIdExtensionString::text, '') AND version = @GrainStateVersion::int
        RETURNING version),
    added AS (
        INSERT INTO states
        SELECT @ServiceId, @GrainTypeString, @GrainIdN0, @GrainIdN1, coalesce(@GrainIdExtensionString::text, ''), 1, @PayloadBinary
        WHERE @GrainStateVersion::int IS NULL
        ON CONFLICT DO NOTHING
        RETURNING version)
    SELECT version AS NewGrainStateVersion FROM changed UNION ALL SELECT version FROM added
$$),

('ClearStorageKey', $$
    UPDATE states SET version = version + 1, payload = NULL
    WHERE service = @ServiceId AND type = @GrainTypeString AND n0 = @GrainIdN0 AND n1 = @GrainIdN1
        AND extension = coalesce(@GrainIdExtensionString::text, '') AND version = @GrainStateVersion::int
    RETURNING version
$$),

('DeleteStorageKey', $$
    DELETE FROM states
    WHERE service = @ServiceId AND type = @GrainTypeString AND n0 = @GrainIdN0 AND n1 = @GrainIdN1
        AND extension = coalesce(@GrainIdExtensionString::text, '') AND version = @GrainStateVersion::int
    RETURNING version + 1
$$),

('ReadReminderRowsKey', $$
    SELECT * FROM reminders WHERE service = @ServiceId AND grainid = @GrainId
$$),

('ReadReminderRowKey', $$
    SELECT * FROM reminders WHERE service = @ServiceId AND grainid = @GrainId AND remindername = @ReminderName
$$),

('ReadRangeRows1Key', $$
    SELECT * FROM reminders WHERE service = @ServiceId AND hash > @BeginHash AND hash <= @EndHash
$$),

('ReadRangeRows2Key', $$
    SELECT * FROM reminders WHERE service = @ServiceId AND (hash > @BeginHash OR hash <= @EndHash)
$$),

('UpsertReminderRowKey', $$
    INSERT INTO reminders VALUES (@ServiceId, @GrainId, @ReminderName, @GrainHash, @StartTime, @Period, 0)
    ON CONFLICT (service, grainid, remindername) DO UPDATE
        SET starttime = excluded.starttime, period = excluded.period, hash = excluded.hash, version = reminders.version + 1
    RETURNING version
$$),

('DeleteReminderRowKey', $$
    WITH gone AS (
        DELETE FROM reminders WHERE service = @ServiceId AND grainid = @GrainId AND remindername = @ReminderName AND version = @Version
        RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM gone)
$$),

('DeleteReminderRowsKey', $$
    DELETE FROM reminders WHERE service = @ServiceId
$$);
