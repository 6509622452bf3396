-- A ledger of schema 1, as `sqlite3 LEDGER .dump` writes it, with a row in every table. Once schema 1 is
-- released this file never changes: tests/ledger/test_migrations.cpp opens it with every later extvold.
PRAGMA application_id = 1482050628;
PRAGMA user_version = 1;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
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
INSERT INTO ledger_meta VALUES(1,'0123456789abcdef0123456789abcdef',1,0,'observe',0,0,0,1,
  1700000000000000000,100,100,100000,100000,1000000,1,1,'m1','1700000000.5','1.11.0',1,0,1);
CREATE TABLE migrations (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  hash TEXT NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT;
INSERT INTO migrations VALUES(1,'migrations/0001_init','wwmwfj4aalq6xr6bl22vir52vn',1700000000000000000);
CREATE TABLE view_texts (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  hash TEXT NOT NULL
) STRICT;
INSERT INTO view_texts VALUES(1,'26o24moyng7ampclmrqqcue6qb');
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
INSERT INTO hosts VALUES(1,'h1','','inherit',0,'',NULL,0);
INSERT INTO hosts VALUES(2,'h2','','inherit',0,'',NULL,0);
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
INSERT INTO agents VALUES('S1',1,'','','','registered',1,0,'',0,'','scheduled',1700000500000000000,
  'event',1700000000000000000,'none',0,'none',0,'get_maintenance_schedule',1700000100000000000);
CREATE TABLE frameworks (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  principal TEXT NOT NULL,
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  connected INTEGER NOT NULL CHECK (connected IN (0, 1)),
  checkpoint INTEGER NOT NULL CHECK (checkpoint IN (0, 1)),
  removed INTEGER NOT NULL CHECK (removed IN (0, 1))
) STRICT, WITHOUT ROWID;
INSERT INTO frameworks VALUES('f1','marathon','',1,1,0,0);
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
INSERT INTO tasks VALUES('task1','f1','S1','','','task_running','source_none','','',1,
  1700000000000000000);
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
INSERT INTO reservations VALUES(1,'S1','storage','disk','','','',1024000);
CREATE TABLE reservation_labels (
  reservation INTEGER NOT NULL REFERENCES reservations (number) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (reservation, position)
) STRICT, WITHOUT ROWID;
INSERT INTO reservation_labels VALUES(1,0,'volume','vol1');
CREATE TABLE pools (
  provider TEXT NOT NULL,
  pool TEXT NOT NULL,
  capacity_mb INTEGER NOT NULL,
  free_mb INTEGER NOT NULL,
  iops INTEGER NOT NULL,
  observed_at INTEGER NOT NULL,
  PRIMARY KEY (provider, pool)
) STRICT, WITHOUT ROWID;
INSERT INTO pools VALUES('local~laptop','ssd',10000,7000,0,1700000000000000000);
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
INSERT INTO volumes VALUES(1,'vol1','xv-1','','local~laptop','ssd',1024,0,0,'ext4','rw','','','created',
  'available','formatted','inherit',NULL,1,1,1700000000000000000,0);
INSERT INTO volumes VALUES(2,'vol2','xv-2','','local~laptop','ssd',1024,0,0,'ext4','rw','','','created',
  'available','formatted','inherit',NULL,1,1,1700000000000000000,0);
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
INSERT INTO attachments VALUES(1,1,'attached','extvold',1,1,0,0,'/dev/loop0','node-1','','',0,
  1700000000000000000,0,0);
CREATE TABLE mounts (
  volume INTEGER NOT NULL REFERENCES volumes (id),
  host INTEGER NOT NULL REFERENCES hosts (id) DEFERRABLE INITIALLY DEFERRED,
  path TEXT NOT NULL,
  PRIMARY KEY (volume, host, path)
) STRICT, WITHOUT ROWID;
INSERT INTO mounts VALUES(1,1,'/mnt/vol1');
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
INSERT INTO evidence VALUES(1,'agent_gone',1,1,1,1,'',NULL,'',0,1700000000000000000,-1,'seen','proven',
  NULL,'',1,NULL);
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
INSERT INTO claims VALUES(1,'task',1,'none',1,'S1','f1','task1','','','mesos','docker_volume','','vol1',
  '',0,'task_running',1,'live','claim.running: the task runs',NULL,0,0,-1);
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
INSERT INTO operations VALUES(1,'op-a','attach','done','changed',1,1,1,1,1,NULL,NULL,'attach.wanted','',
  'internal','',1700000000000000000,1700000000000000000,1,1,NULL);
INSERT INTO operations VALUES(2,'op-b','detach','recorded','none',1,1,1,1,1,NULL,NULL,'detach.wanted','',
  'internal','',1700000000000000000,0,1,NULL,1);
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
INSERT INTO mesos_operations VALUES(1,'op-mesos-1','reserve_resources','issued','none','S1',1,9,'db',
  'disk',1024000,'ops',replace('extvold.volume=pgdata\n','\n',char(10)),'','',-1,0,0,1000,'ticket',
  'internal','',1700000000000000000,0,'S1');
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
INSERT INTO blocks VALUES(2,2,'waits_for_unknown_claim','operator','vol2 waits for h1',
  1700000000000000000,0);
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
INSERT INTO history VALUES(1,1,1700000000000000000,'attachment.attached',1,1,'','','op-a',NULL,1,
  'attach.wanted','vol1 is attached to h1',-1);
CREATE INDEX reservations_by_agent ON reservations (agent);
CREATE UNIQUE INDEX volumes_by_key ON volumes (provider, key);
CREATE UNIQUE INDEX volumes_by_name ON volumes (name) WHERE state <> 'removed';
CREATE INDEX evidence_by_fence ON evidence (fence) WHERE fence IS NOT NULL;
CREATE INDEX evidence_that_counts ON evidence (volume, host) WHERE void_reason = '';
CREATE INDEX evidence_that_is_void ON evidence (request_sent_at) WHERE void_reason <> '';
CREATE INDEX claims_by_volume ON claims (volume);
CREATE UNIQUE INDEX operations_open ON operations (open_volume) WHERE open_volume IS NOT NULL;
CREATE INDEX operations_by_volume ON operations (volume, ended_order);
CREATE INDEX operations_failed ON operations (volume, ended_order) WHERE state = 'failed';
CREATE INDEX operations_by_id ON operations (id);
CREATE INDEX operations_by_evidence ON operations (evidence) WHERE evidence IS NOT NULL;
CREATE INDEX operations_by_end ON operations (ended_at) WHERE ended_order IS NOT NULL;
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
CREATE UNIQUE INDEX fences_open ON fences (open_host) WHERE open_host IS NOT NULL;
CREATE INDEX fences_standing ON fences (host) WHERE ended_at = 0;
CREATE INDEX fences_by_end ON fences (ended_at) WHERE ended_at <> 0;
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
CREATE INDEX history_by_volume ON history (volume) WHERE volume IS NOT NULL;
CREATE INDEX history_by_host ON history (host) WHERE host IS NOT NULL;
CREATE INDEX history_by_task ON history (task) WHERE task <> '';
CREATE INDEX history_by_time ON history (at);
CREATE TRIGGER history_stands BEFORE UPDATE ON history
BEGIN
  SELECT RAISE(ABORT, 'history is append-only');
END;
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
CREATE VIEW attachment_status AS
SELECT
  v.name AS volume,
  h.name AS host,
  a.state AS state,
  a.origin AS origin,
  a.incarnation || '.' || a.counter AS generation,
  a.read_only AS read_only,
  a.mounted AS mounted,
  (SELECT group_concat(m.path, ', ') FROM mounts AS m WHERE m.volume = a.volume
    AND m.host = a.host) AS mounts,
  a.device AS device,
  a.host_identity AS host_identity,
  a.boot_id AS boot_id,
  a.read_back AS read_back,
  (SELECT group_concat(e.kind || CASE e.assumption WHEN 1 THEN ' (assumed)' ELSE '' END, ', ')
     FROM evidence AS e
    WHERE e.volume = a.volume AND e.host = a.host AND e.void_reason = ''
      AND e.incarnation = a.incarnation AND e.counter = a.counter) AS evidence,
  strftime('%Y-%m-%dT%H:%M:%SZ', a.changed_at / 1000000000, 'unixepoch') AS changed_at,
  a.volume AS volume_id,
  a.host AS host_id
FROM attachments AS a
JOIN volumes AS v ON v.id = a.volume
JOIN hosts AS h ON h.id = a.host
ORDER BY v.name, v.id, h.name;
CREATE VIEW blocked AS
SELECT
  v.name AS volume,
  h.name AS host,
  b.reason AS reason,
  b.owner AS owner,
  b.text AS text,
  strftime('%Y-%m-%dT%H:%M:%SZ', nullif(b.since, 0) / 1000000000, 'unixepoch') AS since,
  strftime('%Y-%m-%dT%H:%M:%SZ', nullif(b.next_look, 0) / 1000000000, 'unixepoch') AS next_look,
  b.volume AS volume_id
FROM blocks AS b
JOIN volumes AS v ON v.id = b.volume
LEFT JOIN hosts AS h ON h.id = b.host
ORDER BY v.name, v.id, h.name;
CREATE VIEW host_status AS
WITH attached AS (
  SELECT host, sum(state = 'attached') AS attached, sum(state IN ('attaching', 'detaching',
  'uncertain')) AS moving
  FROM attachments GROUP BY host),
claimed AS (
  SELECT host, sum(wanted) AS wanted, sum(liveness = 'unknown') AS unknown
  FROM claims WHERE host IS NOT NULL GROUP BY host),
registered AS (
  SELECT host, group_concat(id || ' ' || state, ', ') AS agents
  FROM (SELECT host, id, state FROM agents WHERE state <> 'removed' ORDER BY host, id) GROUP BY host)
SELECT
  h.name AS host,
  r.agents AS agents,
  coalesce(a.attached, 0) AS attached,
  coalesce(a.moving, 0) AS attachments_in_doubt,
  coalesce(c.wanted, 0) AS claims_wanted,
  coalesce(c.unknown, 0) AS claims_unknown,
  h.hold AS hold,
  h.quarantined AS quarantined,
  h.quarantine_reason AS quarantine_reason,
  h.boot_id AS boot_id,
  h.id AS id
FROM hosts AS h
LEFT JOIN attached AS a ON a.host = h.id
LEFT JOIN claimed AS c ON c.host = h.id
LEFT JOIN registered AS r ON r.host = h.id
ORDER BY h.name;
CREATE VIEW open_operations AS
SELECT
  v.name AS volume,
  o.kind AS kind,
  h.name AS host,
  o.state AS state,
  o.attempt AS attempt,
  o.rule AS rule,
  o.cause AS cause,
  CASE o.state WHEN 'uncertain' THEN o.error_code || ': ' || o.error ELSE '' END AS error,
  strftime('%Y-%m-%dT%H:%M:%SZ', o.recorded_at / 1000000000, 'unixepoch') AS recorded_at,
  o.id AS operation,
  o.incarnation || '.' || o.counter AS generation
FROM operations AS o
JOIN volumes AS v ON v.id = o.volume
LEFT JOIN hosts AS h ON h.id = o.host
WHERE o.open_volume IS NOT NULL
ORDER BY o.recorded_at, o.number;
CREATE VIEW pool_usage AS
WITH allocated AS (
  SELECT
    provider, pool, count(*) AS volumes, sum(size_mb) AS size_mb, sum(iops) AS iops,
    sum(state = 'planned') AS planned, sum(state IN ('trashed', 'removing')) AS trashed
  FROM volumes WHERE state <> 'removed' GROUP BY provider, pool),
named AS (
  SELECT provider, pool FROM pools UNION SELECT provider, pool FROM allocated)
SELECT
  n.provider || '~' || n.pool AS pool,
  coalesce(a.volumes, 0) AS volumes,
  coalesce(a.planned, 0) AS volumes_planned,
  coalesce(a.trashed, 0) AS volumes_trashed,
  coalesce(a.size_mb, 0) AS allocated_mb,
  nullif(p.capacity_mb, 0) AS capacity_mb,
  CASE WHEN p.capacity_mb > 0 THEN p.free_mb END AS free_mb,
  CASE WHEN p.capacity_mb > 0 THEN p.capacity_mb - p.free_mb - coalesce(a.size_mb, 0) END AS drift_mb,
  coalesce(a.iops, 0) AS allocated_iops,
  nullif(p.iops, 0) AS iops,
  strftime('%Y-%m-%dT%H:%M:%SZ', nullif(p.observed_at, 0) / 1000000000, 'unixepoch') AS observed_at
FROM named AS n
LEFT JOIN pools AS p ON p.provider = n.provider AND p.pool = n.pool
LEFT JOIN allocated AS a ON a.provider = n.provider AND a.pool = n.pool
ORDER BY n.provider, n.pool;
CREATE VIEW timeline AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%SZ', y.at / 1000000000, 'unixepoch') AS at,
  y.kind AS kind,
  v.name AS volume,
  h.name AS host,
  y.text AS text,
  y.rule AS rule,
  nullif(y.operation, '') AS operation,
  e.kind AS evidence,
  nullif(y.task, '') AS task,
  nullif(y.framework, '') AS framework,
  nullif(y.user_uid, -1) AS user_uid,
  y.sequence AS sequence,
  y.number AS number
FROM history AS y
LEFT JOIN volumes AS v ON v.id = y.volume
LEFT JOIN hosts AS h ON h.id = y.host
LEFT JOIN evidence AS e ON e.id = y.evidence
ORDER BY y.number;
CREATE VIEW volume_status AS
SELECT
  v.name AS volume,
  v.state AS state,
  v.provider || '~' || v.pool AS pool,
  v.size_mb AS size_mb,
  v.iops AS iops,
  v.filesystem AS filesystem,
  v.access AS access,
  v.format AS format,
  (SELECT group_concat(h.name || CASE a.state WHEN 'attached' THEN '' ELSE ' (' || a.state || ')' END, ', ')
     FROM attachments AS a JOIN hosts AS h ON h.id = a.host
    WHERE a.volume = v.id AND a.state <> 'detached') AS attached_to,
  (SELECT count(*) FROM claims AS c WHERE c.volume = v.id AND c.wanted = 1) AS claims_wanted,
  (SELECT count(*) FROM claims AS c WHERE c.volume = v.id AND c.liveness = 'unknown') AS claims_unknown,
  (SELECT o.kind || ' ' || o.state FROM operations AS o WHERE o.open_volume = v.id) AS operation,
  (SELECT group_concat(b.reason || ' (' || b.owner || ')', ', ') FROM blocks AS b
    WHERE b.volume = v.id) AS blocked,
  v.hold AS hold,
  v.provider_ref AS provider_ref,
  v.id AS id
FROM volumes AS v
WHERE v.state <> 'removed'
ORDER BY v.name;
COMMIT;
