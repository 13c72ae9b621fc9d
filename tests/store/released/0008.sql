BEGIN TRANSACTION;
CREATE TABLE account (
	name VARCHAR(64) NOT NULL, 
	password_hash VARCHAR(255) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	created_at FLOAT NOT NULL, disabled_at FLOAT, last_login FLOAT, 
	PRIMARY KEY (name)
);
INSERT INTO "account" VALUES('jo','$argon2id$none','admin',1700000000.0,NULL,NULL);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0008');
CREATE TABLE audit (
	seq INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	who VARCHAR(64) NOT NULL, 
	what VARCHAR(64) NOT NULL, 
	why TEXT NOT NULL, 
	from_where VARCHAR(64) NOT NULL, 
	prev_hash VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "audit" VALUES(1,1700000001.0,'jo','made the first account','','10.0.0.9','0000000000000000000000000000000000000000000000000000000000000000','7d3520abb60bb8b58b7d67a55d60dba8f55a0f36641c5a2b190e9ae080ae191e');
INSERT INTO "audit" VALUES(2,1700000002.0,'jo','uploaded firmware','','10.0.0.9','7d3520abb60bb8b58b7d67a55d60dba8f55a0f36641c5a2b190e9ae080ae191e','53f144e8d90e2bdb59024d1f1a48bd2926f084b5c26bf6bc381d1de7c6ce8d2f');
CREATE TABLE audit_head (
	one INTEGER NOT NULL, 
	rows INTEGER NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	PRIMARY KEY (one)
);
INSERT INTO "audit_head" VALUES(1,2,'53f144e8d90e2bdb59024d1f1a48bd2926f084b5c26bf6bc381d1de7c6ce8d2f');
CREATE TABLE deployment (
	id INTEGER NOT NULL, 
	device_pk INTEGER NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	previous_sha256 VARCHAR(64) NOT NULL, 
	attempt INTEGER NOT NULL, 
	rollout_id INTEGER, 
	wave INTEGER, 
	state VARCHAR(16) NOT NULL, 
	state_since FLOAT NOT NULL, 
	created_at FLOAT NOT NULL, 
	offered_at FLOAT, 
	image_at FLOAT, 
	deadline FLOAT, 
	not_before FLOAT, 
	reason TEXT NOT NULL, 
	harmful BOOLEAN, 
	late BOOLEAN NOT NULL, 
	bytes_done INTEGER NOT NULL, 
	bytes_total INTEGER NOT NULL, 
	"before" JSON NOT NULL, 
	"after" JSON NOT NULL, 
	override TEXT NOT NULL, 
	created_by VARCHAR(64) NOT NULL, not_after FLOAT, lease_token INTEGER, code VARCHAR(32) DEFAULT '' NOT NULL, outcome VARCHAR(16) DEFAULT '' NOT NULL, purpose VARCHAR(16) DEFAULT 'update' NOT NULL, soak JSON DEFAULT '{}' NOT NULL, fresh_after FLOAT, turn INTEGER, alone BOOLEAN DEFAULT 0 NOT NULL, followed VARCHAR(16) DEFAULT 'nothing' NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(device_pk) REFERENCES device (pk) ON DELETE CASCADE
);
INSERT INTO "deployment" VALUES(1,1,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1,1,0,'succeeded',1700000000.0,1699999940.0,1699999950.0,NULL,NULL,NULL,'',NULL,0,40960,40960,'{"md5": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}','{"md5": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}','','jo',NULL,NULL,'','verified','update','{}',NULL,NULL,0,'nothing');
INSERT INTO "deployment" VALUES(2,2,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1,1,0,'failed',1700000000.0,1699999940.0,NULL,NULL,NULL,NULL,'It broke.',0,0,40960,40960,'{"md5": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}','{}','','jo',NULL,NULL,'transfer-broken','unharmed','update','{}',NULL,NULL,0,'nothing');
INSERT INTO "deployment" VALUES(3,3,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1,1,0,'queued',1700000000.0,1699999940.0,NULL,NULL,NULL,NULL,'',NULL,0,0,40960,'{"md5": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}','{}','','jo',NULL,NULL,'','','update','{}',NULL,NULL,0,'nothing');
CREATE TABLE device (
	pk INTEGER NOT NULL, 
	base VARCHAR(255) NOT NULL, 
	device_id VARCHAR(255) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	mac VARCHAR(17) NOT NULL, 
	ip VARCHAR(45) NOT NULL, 
	homie VARCHAR(32) NOT NULL, 
	implementation VARCHAR(64) NOT NULL, 
	way VARCHAR(16) NOT NULL, 
	ota_enabled BOOLEAN, 
	state VARCHAR(16) NOT NULL, 
	state_since FLOAT NOT NULL, 
	fw_name VARCHAR(255) NOT NULL, 
	fw_version VARCHAR(255) NOT NULL, 
	version_key VARCHAR(255) NOT NULL, 
	md5 VARCHAR(32) NOT NULL, 
	signal FLOAT, 
	uptime FLOAT, 
	heap FLOAT, 
	facts JSON NOT NULL, 
	nodes JSON NOT NULL, 
	first_seen FLOAT NOT NULL, 
	last_seen FLOAT NOT NULL, 
	pinned_until FLOAT, 
	pin_reason VARCHAR(255) NOT NULL, recent JSON DEFAULT '[]' NOT NULL, 
	PRIMARY KEY (pk)
);
INSERT INTO "device" VALUES(1,'homie/','hall-lamp','Hall-Lamp','A0:20:A6:14:85:01','10.0.0.1','3.0.1','esp8266','mqtt',1,'ready',1700000000.0,'lamp','2.0.0','70123','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',60.0,4000.0,20000.0,'{"fw/name": "lamp", "fw/version": "1.0.0", "md5": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "homie": "3.0.1", "name": "hall-lamp"}','{"relay": {"type": "switch", "properties": {"on": {"datatype": "boolean", "settable": true}}}}',1699913600.0,1700000000.0,NULL,'','[[1700000000.0, 4000.0, 20000.0, 60.0]]');
INSERT INTO "device" VALUES(2,'devices/','c631f278','C631F278','A0:20:A6:14:85:02','10.0.0.2','','esp8266','http',NULL,'lost',1700000000.0,'lamp','1.0.0','70113','',60.0,4000.0,20000.0,'{"fw/name": "lamp", "fw/version": "1.0.0", "legacy": "fw/name fw/version"}','{"relay": {"type": "switch", "properties": {"on": {"datatype": "boolean", "settable": true}}}}',1699913600.0,1700000000.0,NULL,'','[[1700000000.0, 4000.0, 20000.0, 60.0]]');
INSERT INTO "device" VALUES(3,'homie/','attic','Attic','A0:20:A6:14:85:03','10.0.0.3','3.0.1','esp8266','mqtt',1,'sleeping',1700000000.0,'lamp','1.0.0','70113','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',60.0,4000.0,20000.0,'{"fw/name": "lamp", "fw/version": "1.0.0", "md5": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "homie": "3.0.1", "name": "attic"}','{"relay": {"type": "switch", "properties": {"on": {"datatype": "boolean", "settable": true}}}}',1699913600.0,1700000000.0,2700000000.0,'winter','[[1700000000.0, 4000.0, 20000.0, 60.0]]');
CREATE TABLE device_address (
	kind VARCHAR(16) NOT NULL, 
	base VARCHAR(255) NOT NULL, 
	device_id VARCHAR(255) NOT NULL, 
	device_pk INTEGER NOT NULL, 
	dialect VARCHAR(16) NOT NULL, 
	since FLOAT NOT NULL, 
	until FLOAT, 
	PRIMARY KEY (kind, base, device_id), 
	FOREIGN KEY(device_pk) REFERENCES device (pk) ON DELETE CASCADE
);
INSERT INTO "device_address" VALUES('homie','homie/','hall-lamp',1,'mqtt',1700000000.0,NULL);
INSERT INTO "device_address" VALUES('homie','devices/','c631f278',2,'mqtt',1700000000.0,NULL);
INSERT INTO "device_address" VALUES('homie','homie/','attic',3,'mqtt',1700000000.0,NULL);
CREATE TABLE event (
	seq INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	device_pk BIGINT, 
	deployment_id BIGINT, 
	actor VARCHAR(64) NOT NULL, 
	data JSON NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "event" VALUES(1,1699999950.0,'deployment',1,1,'jo','{"state": "offered"}');
INSERT INTO "event" VALUES(2,1700000000.0,'deployment',1,1,'','{"state": "succeeded"}');
INSERT INTO "event" VALUES(3,1700000000.0,'alarm',2,NULL,'','{"event": "began", "code": "behind"}');
CREATE TABLE firmware (
	sha256 VARCHAR(64) NOT NULL, 
	md5 VARCHAR(32) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	version VARCHAR(255) NOT NULL, 
	version_key VARCHAR(255) NOT NULL, 
	filename VARCHAR(255) NOT NULL, 
	brand VARCHAR(255) NOT NULL, 
	chip VARCHAR(16) NOT NULL, 
	flash INTEGER NOT NULL, 
	mode VARCHAR(8) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	size INTEGER NOT NULL, 
	inspection JSON NOT NULL, 
	description TEXT NOT NULL, 
	uploaded_at FLOAT NOT NULL, 
	uploaded_by VARCHAR(64) NOT NULL, 
	bytes BLOB, changelog TEXT DEFAULT '' NOT NULL, override TEXT DEFAULT '' NOT NULL, requires VARCHAR(64) DEFAULT '' NOT NULL, proven VARCHAR(16) DEFAULT '' NOT NULL, 
	PRIMARY KEY (sha256), 
	UNIQUE (filename)
);
INSERT INTO "firmware" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','lamp','1.0.0','70113','lamp-1.0.0.bin','brand','esp8266',1048576,'dio','',40960,'{"magic": true, "warnings": []}','The 1.0.0.',1699996400.0,'jo',NULL,'','','','');
INSERT INTO "firmware" VALUES('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','lamp','2.0.0','70123','lamp-2.0.0.bin','brand','esp8266',1048576,'dio','',40960,'{"magic": [["name", "lamp"], ["version", "2.0.0"]], "warnings": ["small"], "parts": []}','The 2.0.0.',1699996400.0,'jo',NULL,'','','','');
CREATE TABLE learned (
	device_pk INTEGER NOT NULL, 
	fact VARCHAR(64) NOT NULL, 
	value TEXT NOT NULL, 
	evidence TEXT NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (device_pk, fact), 
	FOREIGN KEY(device_pk) REFERENCES device (pk) ON DELETE CASCADE
);
INSERT INTO "learned" VALUES(2,'free_space','684032','it said so',1700000000.0);
CREATE TABLE lease (
	name VARCHAR(32) NOT NULL, 
	holder VARCHAR(64) NOT NULL, 
	token INTEGER NOT NULL, 
	expires_at FLOAT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "lease" VALUES('dispatch','x',4,1700000000.0);
CREATE TABLE leftover (
	topic VARCHAR(255) NOT NULL, 
	device_pk BIGINT, 
	kind VARCHAR(16) NOT NULL, 
	text TEXT NOT NULL, 
	size INTEGER NOT NULL, 
	found_at FLOAT NOT NULL, asked_at FLOAT, asked_by VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (topic)
);
INSERT INTO "leftover" VALUES('homie/attic/$implementation/ota/firmware/x',3,'image','',9,1700000000.0,NULL,'');
CREATE TABLE membership (
	rollout_id INTEGER NOT NULL, 
	device_pk INTEGER NOT NULL, 
	wave INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	outcome VARCHAR(16) NOT NULL, 
	reason TEXT NOT NULL, 
	since FLOAT NOT NULL, 
	deployment_id BIGINT, 
	revert_id BIGINT, held_since FLOAT, 
	PRIMARY KEY (rollout_id, device_pk), 
	FOREIGN KEY(rollout_id) REFERENCES rollout (id) ON DELETE CASCADE, 
	FOREIGN KEY(device_pk) REFERENCES device (pk) ON DELETE CASCADE
);
INSERT INTO "membership" VALUES(1,1,0,1,'verified','',1700000000.0,1,NULL,NULL);
INSERT INTO "membership" VALUES(1,2,1,2,'unharmed','',1700000000.0,2,NULL,NULL);
INSERT INTO "membership" VALUES(1,3,1,3,'queued','',1700000000.0,3,NULL,NULL);
CREATE TABLE ota_request (
	device_pk INTEGER NOT NULL, 
	wanted VARCHAR(64) NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (device_pk), 
	FOREIGN KEY(device_pk) REFERENCES device (pk) ON DELETE CASCADE
);
INSERT INTO "ota_request" VALUES(2,'1.0.1',1700000000.0);
CREATE TABLE ota_token (
	token VARCHAR(64) NOT NULL, 
	device_pk INTEGER NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	deployment_id BIGINT, 
	until FLOAT NOT NULL, 
	PRIMARY KEY (token), 
	FOREIGN KEY(device_pk) REFERENCES device (pk) ON DELETE CASCADE
);
INSERT INTO "ota_token" VALUES('tttttttttttttttttttt',1,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',1,1700000000.0);
CREATE TABLE presence (
	device_pk INTEGER NOT NULL, 
	since FLOAT NOT NULL, 
	until FLOAT, 
	PRIMARY KEY (device_pk, since), 
	FOREIGN KEY(device_pk) REFERENCES device (pk) ON DELETE CASCADE
);
INSERT INTO "presence" VALUES(3,1699999980.0,1700000000.0);
CREATE TABLE quarantine (
	device_pk INTEGER NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	code VARCHAR(32) NOT NULL, 
	reason TEXT NOT NULL, 
	since FLOAT NOT NULL, 
	PRIMARY KEY (device_pk, sha256), 
	FOREIGN KEY(device_pk) REFERENCES device (pk) ON DELETE CASCADE
);
INSERT INTO "quarantine" VALUES(2,'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc','harm','It restarted.',1700000000.0);
CREATE TABLE reading (
	device_pk INTEGER NOT NULL, 
	node VARCHAR(255) NOT NULL, 
	prop VARCHAR(255) NOT NULL, 
	value TEXT NOT NULL, 
	num FLOAT, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (device_pk, node, prop), 
	FOREIGN KEY(device_pk) REFERENCES device (pk) ON DELETE CASCADE
);
INSERT INTO "reading" VALUES(1,'relay','on','true',NULL,1700000000.0);
CREATE TABLE removed (
	device_pk BIGINT NOT NULL, 
	base VARCHAR(255) NOT NULL, 
	device_id VARCHAR(255) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	at FLOAT NOT NULL, 
	"by" VARCHAR(64) NOT NULL, 
	rows JSON NOT NULL, 
	topics JSON NOT NULL, 
	PRIMARY KEY (device_pk)
);
INSERT INTO "removed" VALUES(9,'homie/','gone','Gone',1700000000.0,'jo','{"device": [{"pk": 9, "base": "homie/", "device_id": "gone", "name": "Gone", "mac": "A0:20:A6:14:85:09", "ip": "10.0.0.9", "homie": "3.0.1", "implementation": "esp8266", "way": "mqtt", "ota_enabled": true, "state": "lost", "state_since": 1700000000.0, "fw_name": "lamp", "fw_version": "1.0.0", "version_key": "70113", "md5": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "signal": 60.0, "uptime": 4000.0, "heap": 20000.0, "facts": {"fw/name": "lamp", "fw/version": "1.0.0", "md5": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "homie": "3.0.1", "name": "gone"}, "nodes": {"relay": {"type": "switch", "properties": {"on": {"datatype": "boolean", "settable": true}}}}, "first_seen": 1699913600.0, "last_seen": 1700000000.0, "recent": [[1700000000.0, 4000.0, 20000.0, 60.0]], "pin_reason": ""}], "device_address": [{"kind": "homie", "base": "homie/", "device_id": "gone", "device_pk": 9, "dialect": "", "since": 1700000000.0}]}','{}');
CREATE TABLE rollout (
	id INTEGER NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	"query" TEXT NOT NULL, 
	"plan" JSON NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	state_since FLOAT NOT NULL, 
	reason TEXT NOT NULL, 
	wave INTEGER NOT NULL, 
	standing BOOLEAN NOT NULL, 
	follow VARCHAR(64) NOT NULL, 
	created_at FLOAT NOT NULL, 
	created_by VARCHAR(64) NOT NULL, 
	started_at FLOAT, 
	ended_at FLOAT, 
	revision INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "rollout" VALUES(1,'lamps','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','fw:lamp','{"waves": [{"count": 1}, {"share": 1.0}]}','running',1700000000.0,'',0,0,'',1700000000.0,'jo',NULL,NULL,0);
CREATE TABLE saved_filter (
	name VARCHAR(64) NOT NULL, 
	"query" TEXT NOT NULL, 
	sort VARCHAR(32) NOT NULL, 
	columns VARCHAR(255) NOT NULL, 
	saved_at FLOAT NOT NULL, 
	saved_by VARCHAR(64) NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "saved_filter" VALUES('Ground','tag:ground','','',1700000000.0,'jo');
CREATE TABLE series (
	device_pk INTEGER NOT NULL, 
	metric VARCHAR(255) NOT NULL, 
	resolution INTEGER NOT NULL, 
	bucket INTEGER NOT NULL, 
	packed BLOB NOT NULL, 
	PRIMARY KEY (device_pk, metric, resolution, bucket), 
	FOREIGN KEY(device_pk) REFERENCES device (pk) ON DELETE CASCADE
);
INSERT INTO "series" VALUES(1,'stats',60,1,X'0100F153650100000001000600785E2B2D28C9CC4D6500812A0657001F990354');
CREATE TABLE session (
	digest VARCHAR(64) NOT NULL, 
	account VARCHAR(64) NOT NULL, 
	created_at FLOAT NOT NULL, 
	expires_at FLOAT NOT NULL, from_where VARCHAR(64) DEFAULT '' NOT NULL, agent VARCHAR(120) DEFAULT '' NOT NULL, 
	PRIMARY KEY (digest), 
	FOREIGN KEY(account) REFERENCES account (name) ON DELETE CASCADE
);
INSERT INTO "session" VALUES('eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','jo',1700000000.0,2700000000.0,'','');
CREATE TABLE tag (
	device_pk INTEGER NOT NULL, 
	tag VARCHAR(64) NOT NULL, 
	PRIMARY KEY (device_pk, tag), 
	FOREIGN KEY(device_pk) REFERENCES device (pk) ON DELETE CASCADE
);
INSERT INTO "tag" VALUES(1,'ground');
CREATE TABLE target (
	device_pk INTEGER NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	source VARCHAR(64) NOT NULL, 
	until FLOAT, since FLOAT, 
	PRIMARY KEY (device_pk), 
	FOREIGN KEY(device_pk) REFERENCES device (pk) ON DELETE CASCADE
);
INSERT INTO "target" VALUES(1,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','rollout',NULL,1700000000.0);
CREATE TABLE token (
	digest VARCHAR(64) NOT NULL, 
	label VARCHAR(64) NOT NULL, 
	account VARCHAR(64) NOT NULL, 
	scope VARCHAR(64) NOT NULL, 
	created_at FLOAT NOT NULL, 
	expires_at FLOAT, 
	last_used FLOAT, 
	PRIMARY KEY (digest), 
	FOREIGN KEY(account) REFERENCES account (name) ON DELETE CASCADE
);
INSERT INTO "token" VALUES('dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','ci','jo','read',1700000000.0,NULL,NULL);
CREATE TABLE transcript (
	seq INTEGER NOT NULL, 
	deployment_id BIGINT NOT NULL, 
	at FLOAT NOT NULL, 
	direction VARCHAR(4) NOT NULL, 
	topic VARCHAR(255) NOT NULL, 
	text TEXT NOT NULL, 
	size INTEGER NOT NULL, 
	retained BOOLEAN NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "transcript" VALUES(1,1,1700000000.0,'in','homie/hall-lamp/$state','ready',5,0);
CREATE TABLE verdict (
	device_pk INTEGER NOT NULL, 
	code VARCHAR(32) NOT NULL, 
	evidence TEXT NOT NULL, 
	since FLOAT NOT NULL, 
	PRIMARY KEY (device_pk), 
	FOREIGN KEY(device_pk) REFERENCES device (pk) ON DELETE CASCADE
);
INSERT INTO "verdict" VALUES(1,'','',1700000000.0);
CREATE TABLE wave (
	rollout_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	started_at FLOAT, 
	passed_at FLOAT, 
	reading JSON NOT NULL, 
	PRIMARY KEY (rollout_id, number), 
	FOREIGN KEY(rollout_id) REFERENCES rollout (id) ON DELETE CASCADE
);
INSERT INTO "wave" VALUES(1,0,'passed',1700000000.0,1700000000.0,'{}');
INSERT INTO "wave" VALUES(1,1,'running',1700000000.0,NULL,'{}');
CREATE INDEX device_address_now ON device (base, device_id);
CREATE INDEX ix_device_fw_name ON device (fw_name);
CREATE INDEX ix_device_mac ON device (mac);
CREATE INDEX ix_device_md5 ON device (md5);
CREATE INDEX ix_event_deployment_id ON event (deployment_id);
CREATE INDEX ix_event_device_pk ON event (device_pk);
CREATE INDEX firmware_name_version ON firmware (name, version);
CREATE INDEX ix_firmware_md5 ON firmware (md5);
CREATE INDEX deployment_in_state ON deployment (state, deadline);
CREATE INDEX deployment_of_device ON deployment (device_pk, id);
CREATE UNIQUE INDEX deployment_one_active ON deployment (device_pk) WHERE state NOT IN ('succeeded', 'failed', 'cancelled');
CREATE INDEX ix_device_address_device_pk ON device_address (device_pk);
CREATE INDEX ix_deployment_rollout_id ON deployment (rollout_id);
CREATE INDEX ix_transcript_deployment_id ON transcript (deployment_id);
CREATE INDEX ix_rollout_state ON rollout (state);
CREATE INDEX membership_outcome ON membership (rollout_id, wave, outcome);
CREATE INDEX membership_of_device ON membership (device_pk);
CREATE INDEX event_of_rollouts ON event (seq) WHERE kind = 'rollout';
CREATE INDEX deployment_turns ON deployment (rollout_id, turn, id) WHERE state = 'queued';
CREATE INDEX deployment_of_device_in_state ON deployment (device_pk, state);
CREATE INDEX deployment_lapses ON deployment (state, not_after);
CREATE INDEX deployment_unfollowed ON deployment (state, followed);
CREATE INDEX deployment_offers ON deployment (offered_at);
CREATE INDEX device_running ON device (fw_name, state);
CREATE INDEX event_of_alarms ON event (seq) WHERE kind = 'alarm';
CREATE INDEX learned_alike ON learned (fact, value);
CREATE INDEX removed_when ON removed (at);
CREATE INDEX device_in_state ON device (state);
CREATE INDEX event_alarms_of_device ON event (device_pk) WHERE kind = 'alarm';
CREATE TRIGGER audit_no_update BEFORE update ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE delete ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
COMMIT;
