import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import { replaceFile } from '../../base/durable-file.ts'

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
export type KeptDemo = z.infer<typeof keptSchema>

export function readKept(state: string): KeptDemo {
  try {
    return keptSchema.parse(JSON.parse(readFileSync(path.join(state, 'demo.json'), 'utf8')))
  } catch {
    return { edgePort: 8443, proxyPort: 9180, password: randomBytes(12).toString('base64url') }
  }
}

export function writeKept(state: string, kept: KeptDemo): Promise<void> {
  return replaceFile(path.join(state, 'demo.json'), JSON.stringify(kept, null, 2))
}
