import { type Kysely, sql } from 'kysely'

/** What lists are filtered by, what sweeps go by, what is looked up by name: found by an index, however much there is. */
export const INDEXES = [
  'session_device on session (device_id, id)',
  'session_connector on session (connector_id, id)',
  'session_segment on session (segment_id, id)',
  'session_rule on session (rule_id, id)',
  'session_host on session (host, id)',
  // Nearly all end so: whoever asks for another end finds few.
  "session_close_reason on session (close_reason, id) where close_reason <> 'done'",
  'audit_actor on audit (actor, seq)',
  'audit_object on audit (object, seq)',
  "audit_action on audit (action, seq) where action <> 'grant.issue'",
  'denial_user on denial (user_id, id)',
  'denial_time on denial (at_ms)',
  'device_by_name on device (name)',
  'device_by_user on device (user_id, id)',
  'idempotency_time on idempotency (created_ms)',
  'revoked_serial_end on revoked_serial (expires_ms)',
  'revoked_grant_end on revoked_grant (expires_ms)',
  'grant_issued_device on grant_issued (device_id, expires_ms)',
  'grant_issued_connector on grant_issued (connector_id, expires_ms)',
  'connector_members on connector (group_id, id)',
  'reference_users on reference (to_id, from_id)',
] as const

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const index of INDEXES) await sql`create index ${sql.raw(index)}`.execute(db)
  // Each is the first column of one above.
  await db.schema.dropIndex('reference_to').execute()
  await db.schema.dropIndex('connector_group').execute()
}
