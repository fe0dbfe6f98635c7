import type { Kysely } from 'kysely'

/** Fields that kinds have had since, with what an object from before means by not having them. */
const DEFAULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'connector-group': { region: '', connectorKind: 'app' },
  'server-group': { failoverConnectorGroups: [] },
  edge: { region: '', addresses: [] },
}

interface DeletedKeyRows {
  object: { id: string; kind: string; spec: string }
}

/**
 * Keys that were deleted are remembered by the hash of their secret: who comes with one is told what became of it.
 * Objects written before get the fields that their kinds have now.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('deleted_key')
    .addColumn('secret_hash', 'text', (column) => column.primaryKey())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('deleted_by', 'text', (column) => column.notNull())
    .addColumn('deleted_ms', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('deleted_key_time').on('deleted_key').column('deleted_ms').execute()

  const objects = db as Kysely<DeletedKeyRows>
  for (const [kind, defaults] of Object.entries(DEFAULTS)) {
    const rows = await objects.selectFrom('object').select(['id', 'spec']).where('kind', '=', kind).execute()
    for (const { id, spec } of rows) {
      const whole = JSON.stringify({ ...defaults, ...(JSON.parse(spec) as object) })
      await objects.updateTable('object').set({ spec: whole }).where('id', '=', id).execute()
    }
  }
}
