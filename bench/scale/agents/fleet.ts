import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { ControlParts } from '../../../src/control/parts.ts'
import { createKeyAndCsr } from '../../../src/pki/csr.ts'
import type { AgentSpec, FromAgents, Heard, ToAgents } from './talk.ts'

const LIFE_MS = 9 * 86_400_000

/** A process of agents that are connected. */
export class Fleet implements AsyncDisposable {
  /** Connector that each client was granted, by id of the client. */
  granted: Readonly<Record<string, string>> = {}
  readonly #child: ChildProcess

  constructor() {
    this.#child = fork(path.join(import.meta.dirname, 'agents-main.ts'), { serialization: 'advanced' })
  }

  /** @throws if one of them was not let in. */
  async connect(port: number, agents: readonly AgentSpec[]): Promise<void> {
    const up = await this.#ask({ is: 'connect', port, agents }, 'up')
    if (up.failed.length > 0)
      throw new Error(`Cannot measure: ${up.failed.length} agents did not come up, first ${up.failed[0]}`)
    this.granted = up.granted
  }

  /** Does the work, and resolves with when the last of these agents has heard of it. */
  async heard(type: Heard, agents: readonly string[], work: () => Promise<unknown>): Promise<number> {
    await this.#ask({ is: 'expect', type, agents }, 'expecting')
    const heard = this.#next('heard')
    await work()
    return (await heard).atMs
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.disconnect()
    await ended
  }

  #ask<Is extends FromAgents['is']>(message: ToAgents, is: Is) {
    const answer = this.#next(is)
    this.#child.send(message)
    return answer
  }

  #next<Is extends FromAgents['is']>(is: Is): Promise<Extract<FromAgents, { is: Is }>> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error('Cannot go on as the process of agents has ended'))
      const take = (message: FromAgents) => {
        if (message.is !== is) return
        this.#child.off('message', take).off('exit', ended)
        resolve(message as Extract<FromAgents, { is: Is }>)
      }
      this.#child.on('message', take).once('exit', ended)
    })
  }
}

/** Certificates for agents that are enrolled, all for one key: making keys is not what is measured. */
export async function credentialsFor(
  { tenantParts: { id: tenant, authority } }: ControlParts,
  role: 'client' | 'connector',
  ids: readonly string[],
) {
  const { keyPem, csrPem } = await createKeyAndCsr('bench')
  const made = []
  for (const id of ids) {
    const identity = { tenant, role, id } as const
    const issued = await authority.issue({ csrPem, identity, lifeMs: LIFE_MS, nowMs: Date.now() })
    const { certificate, notAfterMs } = issued
    made.push({ identity, keyPem, certificate, rootPem: authority.rootPem, notAfterMs, generation: 1 })
  }
  return made
}
