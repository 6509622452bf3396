-- Before a migration: no view of the program, of whatever version, may stand on what it changes. A view that
-- was ever released stays in this list.
DROP VIEW IF EXISTS agent_status;
DROP VIEW IF EXISTS attachment_status;
DROP VIEW IF EXISTS blocked;
DROP VIEW IF EXISTS claim_status;
DROP VIEW IF EXISTS fence_status;
DROP VIEW IF EXISTS host_status;
DROP VIEW IF EXISTS mesos_operations_status;
DROP VIEW IF EXISTS open_operations;
DROP VIEW IF EXISTS pool_usage;
DROP VIEW IF EXISTS reservation_status;
DROP VIEW IF EXISTS timeline;
DROP VIEW IF EXISTS volume_status;
DELETE FROM view_texts;  -- they are made anew
