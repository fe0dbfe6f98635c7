import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { z } from 'zod'

const keptSchema = z.object({
  edgePort: z.number(),
  proxyPort: z.number(),
  password: z.string(),
  /** What the access file was last written for. */
  application: z.string().optional(),
  /** Where the connector ran when it enrolled: its identity is sealed to what the machine looks like from there. */
  sealedIn: z.string().optional(),
})
/** What one start of the demo leaves to the next: STATE/demo.json, mode 0600. */
export type Kept = z.infer<typeof keptSchema>

export function readKept(state: string): Kept {
  try {
    return keptSchema.parse(JSON.parse(readFileSync(path.join(state, 'demo.json'), 'utf8')))
  } catch {
    return { edgePort: 8443, proxyPort: 9180, password: randomBytes(12).toString('base64url') }
  }
}

export function writeKept(state: string, kept: Kept): void {
  const file = path.join(state, 'demo.json')
  writeFileSync(`${file}.new`, JSON.stringify(kept, null, 2), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
