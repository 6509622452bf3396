-- The first schema. docs/ledger.md says what each table is for and who may rely on what; operators read the
-- views.
--
-- Words are stored as they are spelled in the program. Times (…_at, since, next_look, purge_after) are
-- nanoseconds since 1970 UTC; 0 means "none". An id column that names nothing is NULL; a text that is not
-- known is ''.
--
-- The columns that change with every task update are checked with OR, not IN: SQLite builds a temporary
-- index for each IN list each time a row is written, which doubles the cost of such an update.

PRAGMA application_id = 0x58564C44;  -- "XVLD"
PRAGMA user_version = 1;

-- Who this ledger is and how far it has got. One row.
CREATE TABLE ledger_meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  id TEXT NOT NULL CHECK (length(id) = 32),
  incarnation INTEGER NOT NULL CHECK (incarnation >= 1),
  began_at INTEGER NOT NULL,  -- this incarnation
  mode TEXT NOT NULL CHECK (mode IN ('observe', 'active')),
  -- 1: too many detaches at once, none more until a person says so
  detach_storm INTEGER NOT NULL CHECK (detach_storm IN (0, 1)),
  -- 1: no host is fenced by itself until a person says so
  fence_stop INTEGER NOT NULL CHECK (fence_stop IN (0, 1)),
  fence_released_at INTEGER NOT NULL,  -- when a person last said so; 0: never
  sequence INTEGER NOT NULL CHECK (sequence >= 0),
  committed_at INTEGER NOT NULL,
  next_host INTEGER NOT NULL CHECK (next_host >= 1),
  next_volume INTEGER NOT NULL CHECK (next_volume >= 1),
  next_claim INTEGER NOT NULL CHECK (next_claim >= 1),
  next_evidence INTEGER NOT NULL CHECK (next_evidence >= 1),
  next_generation INTEGER NOT NULL CHECK (next_generation >= 1),
  next_fence INTEGER NOT NULL CHECK (next_fence >= 1),
  view_epoch INTEGER NOT NULL,
  view_master_id TEXT NOT NULL,
  view_elected_time TEXT NOT NULL,
  view_master_version TEXT NOT NULL,
  history_last INTEGER NOT NULL CHECK (history_last >= 0),      -- number of the newest history row
  -- retention has been through up to this number
  history_pruned INTEGER NOT NULL CHECK (history_pruned >= 0),
  operation_ends INTEGER NOT NULL CHECK (operation_ends >= 0)   -- newest operations.ended_order handed out
) STRICT;

-- Every migration that made this file what it is, with the hash of its text.
CREATE TABLE migrations (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  hash TEXT NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT;

-- The views are made anew whenever the program's differ from these.
CREATE TABLE view_texts (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  hash TEXT NOT NULL
) STRICT;

CREATE TABLE hosts (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  boot_id TEXT NOT NULL,
  hold TEXT NOT NULL CHECK (hold IN ('inherit', 'held', 'released')),
  quarantined INTEGER NOT NULL CHECK (quarantined IN (0, 1)),
  quarantine_reason TEXT NOT NULL,
  quarantine_fence INTEGER,  -- that began it; a fence may be forgotten before the host is
  fence_held INTEGER NOT NULL CHECK (fence_held IN (0, 1)),
  CHECK (quarantined = 1 OR (quarantine_reason = '' AND quarantine_fence IS NULL))
) STRICT;

CREATE TABLE agents (
  id TEXT PRIMARY KEY NOT NULL,
  host INTEGER REFERENCES hosts (id) DEFERRABLE INITIALLY DEFERRED,
  hostname TEXT NOT NULL,
  address TEXT NOT NULL,
  version TEXT NOT NULL,
  state TEXT NOT NULL CHECK (
    state IN ('registered', 'disconnected', 'recovered', 'unreachable', 'gone', 'absent', 'removed')),
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  deactivated INTEGER NOT NULL CHECK (deactivated IN (0, 1)),
  drain_state TEXT NOT NULL,
  resources_hash INTEGER NOT NULL,  -- 64 bits, only ever compared
  attributes TEXT NOT NULL,         -- "name:value" a line
  maintenance TEXT NOT NULL CHECK (maintenance IN ('none', 'scheduled', 'draining', 'down')),
  maintenance_start INTEGER NOT NULL,
  -- Of each fact, which answer or event said it, and since when.
  state_source TEXT NOT NULL CHECK (state_source IN ('none', 'snapshot', 'event', 'get_agents', 'registry')),
  state_since INTEGER NOT NULL,
  drain_source TEXT NOT NULL CHECK (drain_source IN ('none', 'snapshot', 'event', 'get_agents')),
  drain_since INTEGER NOT NULL,
  deactivated_source TEXT NOT NULL CHECK (deactivated_source IN ('none', 'snapshot', 'event', 'get_agents')),
  deactivated_since INTEGER NOT NULL,
  maintenance_source TEXT NOT NULL CHECK (
    maintenance_source IN ('none', 'get_maintenance_schedule', 'get_maintenance_status')),
  maintenance_since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE frameworks (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  principal TEXT NOT NULL,
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  connected INTEGER NOT NULL CHECK (connected IN (0, 1)),
  checkpoint INTEGER NOT NULL CHECK (checkpoint IN (0, 1)),
  removed INTEGER NOT NULL CHECK (removed IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Hot. The task leads the key: task ids differ early, frameworks are few. No other index.
CREATE TABLE tasks (
  task TEXT NOT NULL,
  framework TEXT NOT NULL,
  agent TEXT NOT NULL,
  executor TEXT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL CHECK (
    state = 'task_running' OR state = 'task_starting' OR state = 'task_staging' OR state = 'task_finished'
    OR state = 'task_failed' OR state = 'task_killed' OR state = 'task_killing' OR state = 'task_error'
    OR state = 'task_lost' OR state = 'task_dropped' OR state = 'task_unreachable' OR state = 'task_gone'
    OR state = 'task_gone_by_operator' OR state = 'task_unknown' OR state = 'task_other'),
  source TEXT NOT NULL CHECK (
    source = 'source_executor' OR source = 'source_agent' OR source = 'source_master'
      OR source = 'source_none'),
  reason TEXT NOT NULL,
  container TEXT NOT NULL,
  view_epoch INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (task, framework)
) STRICT, WITHOUT ROWID;

-- Reservations and persistent volumes of agents, in the order in which the agent listed them.
CREATE TABLE reservations (
  number INTEGER PRIMARY KEY,
  agent TEXT NOT NULL,
  role TEXT NOT NULL,
  resource TEXT NOT NULL,
  persistence_id TEXT NOT NULL,
  container_path TEXT NOT NULL,
  disk_source TEXT NOT NULL,
  amount_milli INTEGER NOT NULL
) STRICT;
CREATE INDEX reservations_by_agent ON reservations (agent);

CREATE TABLE reservation_labels (
  reservation INTEGER NOT NULL REFERENCES reservations (number) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (reservation, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE pools (
  provider TEXT NOT NULL,
  pool TEXT NOT NULL,
  capacity_mb INTEGER NOT NULL,
  free_mb INTEGER NOT NULL,
  iops INTEGER NOT NULL,
  observed_at INTEGER NOT NULL,
  PRIMARY KEY (provider, pool)
) STRICT, WITHOUT ROWID;

CREATE TABLE volumes (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  provider_ref TEXT NOT NULL,
  provider TEXT NOT NULL,
  pool TEXT NOT NULL,
  size_mb INTEGER NOT NULL,
  wanted_size_mb INTEGER NOT NULL,  -- of a resize that was asked for; 0: none
  iops INTEGER NOT NULL,
  filesystem TEXT NOT NULL CHECK (filesystem IN ('none', 'ext4', 'xfs')),
  access TEXT NOT NULL CHECK (access IN ('rw', 'ro', 'shared')),
  mount_point TEXT NOT NULL,
  profile TEXT NOT NULL,
  origin TEXT NOT NULL CHECK (origin IN ('created', 'adopted', 'cloned')),
  state TEXT NOT NULL CHECK (state IN ('planned', 'available', 'trashed', 'removing', 'removed', 'lost')),
  format TEXT NOT NULL CHECK (format IN ('not_wanted', 'wanted', 'intended', 'formatted', 'refused')),
  hold TEXT NOT NULL CHECK (hold IN ('inherit', 'held', 'released')),
  source INTEGER REFERENCES volumes (id) DEFERRABLE INITIALLY DEFERRED,
  created_incarnation INTEGER NOT NULL,
  created_counter INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  purge_after INTEGER NOT NULL,
  CHECK (wanted_size_mb = 0 OR wanted_size_mb > size_mb)
) STRICT;
CREATE UNIQUE INDEX volumes_by_key ON volumes (provider, key);
CREATE UNIQUE INDEX volumes_by_name ON volumes (name) WHERE state <> 'removed';

CREATE TABLE attachments (
  volume INTEGER NOT NULL REFERENCES volumes (id),
  host INTEGER NOT NULL REFERENCES hosts (id) DEFERRABLE INITIALLY DEFERRED,
  state TEXT NOT NULL CHECK (state IN ('attaching', 'attached', 'detaching', 'detached', 'uncertain')),
  origin TEXT NOT NULL CHECK (origin IN ('extvold', 'found')),
  incarnation INTEGER NOT NULL,
  counter INTEGER NOT NULL,
  read_only INTEGER NOT NULL CHECK (read_only IN (0, 1)),
  mounted INTEGER NOT NULL CHECK (mounted IN (0, 1)),
  device TEXT NOT NULL,
  host_identity TEXT NOT NULL,
  fence_addresses TEXT NOT NULL,  -- what a fence names beside it; empty: nothing
  boot_id TEXT NOT NULL,
  read_back INTEGER NOT NULL CHECK (read_back IN (0, 1)),
  changed_at INTEGER NOT NULL,
  detached_sequence INTEGER NOT NULL,  -- 0: since it was attached it never was
  -- 1: the host said that somebody uses it when all were proven gone, and has not said otherwise since
  unexplained_use INTEGER NOT NULL CHECK (unexplained_use IN (0, 1)),
  PRIMARY KEY (volume, host)
) STRICT, WITHOUT ROWID;

CREATE TABLE mounts (
  volume INTEGER NOT NULL REFERENCES volumes (id),
  host INTEGER NOT NULL REFERENCES hosts (id) DEFERRABLE INITIALLY DEFERRED,
  path TEXT NOT NULL,
  PRIMARY KEY (volume, host, path)
) STRICT, WITHOUT ROWID;

-- Proof that a host cannot use a volume any more. Void rows stay as long as something refers to them.
CREATE TABLE evidence (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (
    kind IN ('fenced', 'host_unmounted', 'host_rebooted', 'agent_clean', 'agent_gone', 'operator')),
  volume INTEGER NOT NULL REFERENCES volumes (id),
  host INTEGER REFERENCES hosts (id) DEFERRABLE INITIALLY DEFERRED,
  incarnation INTEGER NOT NULL,  -- with counter: the generation of the attachment it speaks of
  counter INTEGER NOT NULL,
  agent TEXT NOT NULL,
  claim INTEGER,                 -- a claim may go before its evidence does
  container TEXT NOT NULL,
  view_epoch INTEGER NOT NULL,
  request_sent_at INTEGER NOT NULL,
  user_uid INTEGER NOT NULL,
  detail TEXT NOT NULL,
  grade TEXT NOT NULL CHECK (grade IN ('proven', 'cooperative', 'assumed')),
  fence INTEGER REFERENCES fences (id) DEFERRABLE INITIALLY DEFERRED,
  void_reason TEXT NOT NULL,
  recorded_sequence INTEGER NOT NULL,
  void_sequence INTEGER,
  CHECK ((void_reason = '') = (void_sequence IS NULL)),
  CHECK (kind = 'fenced' OR fence IS NULL)
) STRICT;
CREATE INDEX evidence_by_fence ON evidence (fence) WHERE fence IS NOT NULL;
CREATE INDEX evidence_that_counts ON evidence (volume, host) WHERE void_reason = '';
CREATE INDEX evidence_that_is_void ON evidence (request_sent_at) WHERE void_reason <> '';  -- for retention

-- Hot. Indexed for the views and checks by volume only.
CREATE TABLE claims (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (
    kind = 'task' OR kind = 'executor' OR kind = 'operator' OR kind = 'format' OR kind = 'synthetic'),
  volume INTEGER REFERENCES volumes (id),
  unresolved TEXT NOT NULL CHECK (
    unresolved = 'none' OR unresolved = 'unmapped_driver' OR unresolved = 'no_such_volume'
    OR unresolved = 'not_understood'),
  host INTEGER REFERENCES hosts (id) DEFERRABLE INITIALLY DEFERRED,
  agent TEXT NOT NULL,
  framework TEXT NOT NULL,
  task TEXT NOT NULL,
  executor TEXT NOT NULL,
  container TEXT NOT NULL,
  containerizer TEXT NOT NULL CHECK (containerizer = 'mesos' OR containerizer = 'docker'),
  spelling TEXT NOT NULL CHECK (
    spelling = 'docker_volume' OR spelling = 'docker_parameter' OR spelling = 'docker_volume_driver'
    OR spelling = 'csi_volume' OR spelling = 'persistent_volume' OR spelling = 'dvdi_variable'
    OR spelling = 'label'),
  driver TEXT NOT NULL,
  name TEXT NOT NULL,
  container_path TEXT NOT NULL,
  read_only INTEGER NOT NULL CHECK (read_only = 0 OR read_only = 1),
  task_state TEXT NOT NULL CHECK (
    task_state = 'task_running' OR task_state = 'task_starting' OR task_state = 'task_staging'
    OR task_state = 'task_finished' OR task_state = 'task_failed' OR task_state = 'task_killed'
    OR task_state = 'task_killing' OR task_state = 'task_error' OR task_state = 'task_lost'
    OR task_state = 'task_dropped' OR task_state = 'task_unreachable' OR task_state = 'task_gone'
    OR task_state = 'task_gone_by_operator' OR task_state = 'task_unknown' OR task_state = 'task_other'),
  wanted INTEGER NOT NULL CHECK (wanted = 0 OR wanted = 1),
  liveness TEXT NOT NULL CHECK (liveness = 'live' OR liveness = 'unknown' OR liveness = 'dead'),
  liveness_why TEXT NOT NULL,
  -- no foreign key: retention of evidence would search all claims; sql/checks looks
  evidence INTEGER,
  first_seen_sequence INTEGER NOT NULL,
  -- it was told of as new by this commit; 0: by a list, and may be of any age
  began_sequence INTEGER NOT NULL CHECK (began_sequence >= 0),
  user_uid INTEGER NOT NULL
) STRICT;
CREATE INDEX claims_by_volume ON claims (volume);

-- One row a try. At most one open operation a subject: open_volume is set exactly while the operation is
-- open, and unique.
CREATE TABLE operations (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('create', 'format', 'attach', 'detach', 'remove', 'resize')),
  state TEXT NOT NULL CHECK (state IN ('recorded', 'issued', 'done', 'failed', 'uncertain')),
  outcome TEXT NOT NULL CHECK (outcome IN ('none', 'changed', 'unchanged')),
  volume INTEGER NOT NULL REFERENCES volumes (id),
  host INTEGER REFERENCES hosts (id) DEFERRABLE INITIALLY DEFERRED,
  incarnation INTEGER NOT NULL,
  counter INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  claim INTEGER,
  evidence INTEGER,
  rule TEXT NOT NULL,
  cause TEXT NOT NULL,
  error_code TEXT NOT NULL CHECK (
    error_code IN ('invalid', 'not_found', 'conflict', 'permission', 'exhausted', 'unavailable', 'busy',
                   'throttled', 'uncertain', 'corrupt', 'internal')),
  error TEXT NOT NULL,
  recorded_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  recorded_sequence INTEGER NOT NULL,  -- of the batch that wrote the intent
  ended_order INTEGER,                 -- in which order they ended; NULL while open
  open_volume INTEGER,
  CHECK (open_volume IS CASE WHEN state IN ('recorded', 'issued', 'uncertain') THEN volume END),
  CHECK ((ended_order IS NULL) = (open_volume IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX operations_open ON operations (open_volume) WHERE open_volume IS NOT NULL;
CREATE INDEX operations_by_volume ON operations (volume, ended_order);
CREATE INDEX operations_failed ON operations (volume, ended_order) WHERE state = 'failed';
CREATE INDEX operations_by_id ON operations (id);
CREATE INDEX operations_by_evidence ON operations (evidence) WHERE evidence IS NOT NULL;
CREATE INDEX operations_by_end ON operations (ended_at) WHERE ended_order IS NOT NULL;  -- for retention

CREATE TRIGGER operations_move BEFORE UPDATE OF state ON operations
WHEN OLD.state <> NEW.state AND NOT CASE OLD.state
    WHEN 'recorded' THEN NEW.state IN ('issued', 'failed', 'uncertain')
    WHEN 'issued' THEN NEW.state <> 'recorded'
    WHEN 'uncertain' THEN NEW.state <> 'recorded'
    ELSE 0
  END
BEGIN
  SELECT RAISE(ABORT, 'an operation may not move from its state to that one');
END;

-- What was asked of the Mesos master. At most one open operation an agent: open_agent is set exactly while
-- the operation is open, and unique. Which of the columns from role to mark_gone count, the kind says.
CREATE TABLE mesos_operations (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (
    kind IN ('reserve_resources', 'unreserve_resources', 'create_volumes', 'destroy_volumes',
             'deactivate_agent', 'reactivate_agent', 'drain_agent', 'mark_agent_gone')),
  state TEXT NOT NULL CHECK (state IN ('recorded', 'issued', 'done', 'failed', 'uncertain')),
  outcome TEXT NOT NULL CHECK (outcome IN ('none', 'changed', 'unchanged')),
  agent TEXT NOT NULL CHECK (agent <> ''),
  incarnation INTEGER NOT NULL,
  counter INTEGER NOT NULL,
  role TEXT NOT NULL,
  resource TEXT NOT NULL,
  amount_milli INTEGER NOT NULL,
  principal TEXT NOT NULL,
  labels TEXT NOT NULL,          -- "key=value" a line
  persistence_id TEXT NOT NULL,
  container_path TEXT NOT NULL,
  grace_seconds INTEGER NOT NULL,
  mark_gone INTEGER NOT NULL CHECK (mark_gone IN (0, 1)),
  before_milli INTEGER NOT NULL,
  user_uid INTEGER NOT NULL,
  reason TEXT NOT NULL,
  error_code TEXT NOT NULL CHECK (
    error_code IN ('invalid', 'not_found', 'conflict', 'permission', 'exhausted', 'unavailable', 'busy',
                   'throttled', 'uncertain', 'corrupt', 'internal')),
  error TEXT NOT NULL,
  recorded_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  open_agent TEXT,
  CHECK (open_agent IS CASE WHEN state IN ('recorded', 'issued', 'uncertain') THEN agent END)
) STRICT;
CREATE UNIQUE INDEX mesos_operations_open ON mesos_operations (open_agent) WHERE open_agent IS NOT NULL;
CREATE INDEX mesos_operations_by_id ON mesos_operations (id);

CREATE TRIGGER mesos_operations_move BEFORE UPDATE OF state ON mesos_operations
WHEN OLD.state <> NEW.state AND NOT CASE OLD.state
    WHEN 'recorded' THEN NEW.state IN ('issued', 'failed', 'uncertain')
    WHEN 'issued' THEN NEW.state <> 'recorded'
    WHEN 'uncertain' THEN NEW.state <> 'recorded'
    ELSE 0
  END
BEGIN
  SELECT RAISE(ABORT, 'an operation may not move from its state to that one');
END;

-- Acts that take a host's access away. One row an act, from its intent to the look that shows it taken
-- back. At most one of a host is under way: open_host is set exactly then, and unique. `target` is the
-- identity that was recorded when attaching; what it proves for which volume its evidence says.
CREATE TABLE fences (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  rung TEXT NOT NULL CHECK (rung IN ('volume', 'host', 'power')),
  state TEXT NOT NULL CHECK (
    state IN ('recorded', 'issued', 'uncertain', 'held', 'failed', 'lifting', 'lifted')),
  host INTEGER NOT NULL REFERENCES hosts (id) DEFERRABLE INITIALLY DEFERRED,
  provider TEXT NOT NULL,
  volume INTEGER REFERENCES volumes (id),
  target TEXT NOT NULL CHECK (target <> ''),
  fence_addresses TEXT NOT NULL,
  incarnation INTEGER NOT NULL,
  counter INTEGER NOT NULL CHECK (counter >= 1),
  cooperative INTEGER NOT NULL CHECK (cooperative IN (0, 1)),
  claim INTEGER,
  cause TEXT NOT NULL,
  seen TEXT NOT NULL,
  error_code TEXT NOT NULL CHECK (
    error_code IN ('invalid', 'not_found', 'conflict', 'permission', 'exhausted', 'unavailable', 'busy',
                   'throttled', 'uncertain', 'corrupt', 'internal')),
  error TEXT NOT NULL,
  user_uid INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL,
  held_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  open_host INTEGER,
  CHECK ((rung = 'volume') = (volume IS NOT NULL)),
  CHECK ((rung = 'power') = (provider = '')),
  CHECK (open_host IS CASE WHEN state IN ('recorded', 'issued') THEN host END),
  CHECK ((ended_at <> 0) = (state IN ('failed', 'lifted'))),
  CHECK (state <> 'held' OR held_at <> 0)
) STRICT;
CREATE UNIQUE INDEX fences_open ON fences (open_host) WHERE open_host IS NOT NULL;
CREATE INDEX fences_standing ON fences (host) WHERE ended_at = 0;
CREATE INDEX fences_by_end ON fences (ended_at) WHERE ended_at <> 0;  -- for retention

CREATE TRIGGER fences_move BEFORE UPDATE OF state ON fences
WHEN OLD.state <> NEW.state AND NOT CASE OLD.state
    WHEN 'recorded' THEN NEW.state IN ('issued', 'uncertain', 'failed')
    WHEN 'issued' THEN NEW.state IN ('uncertain', 'held', 'failed')
    WHEN 'uncertain' THEN NEW.state NOT IN ('recorded', 'lifted')
    WHEN 'held' THEN NEW.state NOT IN ('recorded', 'lifted')
    WHEN 'lifting' THEN NEW.state = 'lifted'
    ELSE 0
  END
BEGIN
  SELECT RAISE(ABORT, 'a fence may not move from its state to that one');
END;

-- A volume that is not as desired and about which nothing is under way. host 0: the volume itself.
CREATE TABLE blocks (
  volume INTEGER NOT NULL REFERENCES volumes (id),
  host INTEGER NOT NULL,
  reason TEXT NOT NULL,
  owner TEXT NOT NULL CHECK (owner IN ('extvold', 'provider', 'host', 'operator')),
  text TEXT NOT NULL,
  since INTEGER NOT NULL,
  next_look INTEGER NOT NULL,
  PRIMARY KEY (volume, host)
) STRICT, WITHOUT ROWID;

-- What changed, what caused it, which rule, which operation, which evidence. Append-only; numbers have no
-- gap.
CREATE TABLE history (
  number INTEGER PRIMARY KEY,
  sequence INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  volume INTEGER,
  host INTEGER,
  framework TEXT NOT NULL,
  task TEXT NOT NULL,
  operation TEXT NOT NULL,
  evidence INTEGER,
  claim INTEGER,
  rule TEXT NOT NULL,
  text TEXT NOT NULL,
  user_uid INTEGER NOT NULL
) STRICT;
CREATE INDEX history_by_volume ON history (volume) WHERE volume IS NOT NULL;
CREATE INDEX history_by_host ON history (host) WHERE host IS NOT NULL;
CREATE INDEX history_by_task ON history (task) WHERE task <> '';
CREATE INDEX history_by_time ON history (at);

CREATE TRIGGER history_stands BEFORE UPDATE ON history
BEGIN
  SELECT RAISE(ABORT, 'history is append-only');
END;

-- Not what retention has not been through, and not what tells of something that is still there.
CREATE TRIGGER history_is_kept BEFORE DELETE ON history
WHEN OLD.number > (SELECT history_pruned FROM ledger_meta)
  OR EXISTS (SELECT 1 FROM operations WHERE id = OLD.operation)
  OR EXISTS (SELECT 1 FROM mesos_operations WHERE id = OLD.operation)
  OR EXISTS (SELECT 1 FROM fences WHERE key = OLD.operation)
  OR EXISTS (SELECT 1 FROM evidence WHERE id = OLD.evidence)
  OR EXISTS (SELECT 1 FROM claims WHERE id = OLD.claim)
BEGIN
  SELECT RAISE(ABORT, 'history is append-only; only retention removes rows, oldest first');
END;
