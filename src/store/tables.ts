/**
 * Rows as the database holds them. Portable between SQLite and PostgreSQL: times are integer milliseconds,
 * flags 0 or 1, documents JSON text. The migrations create exactly these columns, in snake_case.
 *
 * @module
 */

/** 0 or 1: not every database has a boolean. */
export type Flag = 0 | 1

export interface Tables {
  meta: { key: string; value: string }
  object: {
    kind: string
    id: string
    name: string
    version: number
    spec: string
    createdMs: number
    updatedMs: number
  }
  reference: { fromKind: string; fromId: string; toKind: string; toId: string }
  password: { userId: string; hash: string; updatedMs: number }
  provisioningKey: {
    id: string
    name: string
    /** Empty for a key that enrols an edge. */
    groupId: string
    edgeId: string | null
    secretHash: string
    uses: number
    maxUses: number
    expiresMs: number
    revoked: Flag
    version: number
    createdMs: number
    updatedMs: number
  }
  /** Keys that are gone, by what remains of them. */
  deletedKey: Pick<Tables['provisioningKey'], 'secretHash' | 'id' | 'name' | 'groupId' | 'edgeId'> & {
    deletedBy: string
    deletedMs: number
  }
  connector: {
    id: string
    name: string
    groupId: string
    keyId: string | null
    publicKeyHash: string
    thumbprint: string
    serial: string
    generation: number
    fingerprint: string
    host: string
    enabled: Flag
    enrolledMs: number
    notAfterMs: number
    lastAddress: string | null
    lastSeenMs: number | null
    version: number
    createdMs: number
    updatedMs: number
  }
  device: {
    id: string
    name: string
    userId: string
    publicKeyHash: string
    thumbprint: string
    serial: string
    generation: number
    host: string
    /** Facts the client reports of itself. */
    reportedPosture: string
    /** Facts an admin has set, which win. */
    assignedPosture: string
    enabled: Flag
    enrolledMs: number
    notAfterMs: number
    lastAddress: string | null
    lastSeenMs: number | null
    version: number
    createdMs: number
    updatedMs: number
  }
  signIn: {
    id: string
    userId: string
    deviceId: string
    atMs: number
    fromAddress: string | null
    /** When it ends by itself. */
    endMs: number
    /** Null while it stands: of each device one at most. */
    endedMs: number | null
    endedBecause: string | null
    endedBy: string | null
  }
  session: {
    id: string
    state: string
    startedMs: number
    endedMs: number | null
    userId: string | null
    deviceId: string | null
    connectorId: string | null
    edgeId: string | null
    segmentId: string | null
    ruleId: string | null
    host: string
    port: number
    closeReason: string | null
    /** 1 until its connector has told of it: so far it is the word of a client. */
    clientOnly: Flag
    /** Of an attempt that failed: the session that its user got in its place. */
    continuedAs: string | null
    /** The rest of the record as JSON. */
    record: string
    /** Grows with every change of any session: where a follower stands. */
    revision: number
  }
  edgeIdentity: {
    id: string
    keyId: string | null
    publicKeyHash: string
    thumbprint: string
    serial: string
    generation: number
    host: string
    enrolledMs: number
    notAfterMs: number
    lastAddress: string | null
    lastSeenMs: number | null
  }
  outage: {
    id: string
    agentId: string
    sinceMs: number
    /** The whole record as JSON. */
    record: string
  }
  denial: {
    id: string
    deviceId: string
    userId: string | null
    atMs: number
    /** The whole record as JSON. */
    record: string
  }
  secret: { name: string; sealed: string; updatedMs: number }
  token: {
    id: string
    name: string
    role: string
    hash: string
    expiresMs: number | null
    lastUsedMs: number | null
    version: number
    createdMs: number
    updatedMs: number
  }
  audit: {
    seq: number
    timeMs: number
    actor: string
    action: string
    object: string
    detail: string
    prevHash: string
    hash: string
  }
  idempotency: {
    tokenId: string
    key: string
    requestHash: string
    status: number
    headers: string
    body: string
    createdMs: number
  }
  revokedSerial: { serial: string; reason: string; expiresMs: number; createdMs: number }
  revokedGrant: { id: string; reason: string; expiresMs: number; createdMs: number }
  /** Grants given out: those that last, so that a change of policy can name those it ends, and those whose sessions may still be told of. */
  grantIssued: {
    id: string
    connectorId: string
    deviceId: string
    userId: string
    segmentId: string
    ruleId: string
    host: string
    expiresMs: number
    ports: string
  }
}
