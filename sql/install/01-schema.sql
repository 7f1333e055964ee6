-- What is private. Nobody but the owner may create here, so a name in this
-- schema means what it meant when the extension was made. Everybody may look
-- up: functions of ours run with the rights of their caller.

CREATE SCHEMA _anomaly;
COMMENT ON SCHEMA _anomaly IS
'what the extension anomaly keeps and calls itself; nothing here is for use';
GRANT USAGE ON SCHEMA _anomaly TO PUBLIC;
