/** A stream of a device that speaks for itself: authorize, pipe, tunnel, grant, OPEN. */
import { newId } from '../src/base/ids.ts'
import type { Credentials } from '../src/link/dial/credentials.ts'
import { DIRECT } from '../src/link/dial/egress.ts'
import { bringHalf } from '../src/link/pipe/handover.ts'
import { tunnelAsClient } from '../src/link/pipe/secure-tunnel.ts'
import { Mux } from '../src/mux/mux.ts'
import type { ControlMessage, PipeTicket } from '../src/wire/control.ts'
import { grantReference } from '../src/wire/open.ts'
import type { RogueAgent } from './misuse-agent.ts'

export interface Wanted {
  readonly host: string
  readonly port: number
}

export type Granted = Extract<ControlMessage, { type: 'granted' }>

export async function authorize(agent: RogueAgent, { host, port }: Wanted): Promise<Granted> {
  const asked = { host, port, protocol: 'tcp', wantPipe: true } as const
  const answer = await agent.channel.request({ type: 'authorize', id: newId('req'), ...asked }, 20_000)
  if (answer.type !== 'granted') throw new Error(`the answer was ${JSON.stringify(answer)}`)
  return answer
}

export async function openMux(who: Credentials, pipe: PipeTicket): Promise<Mux> {
  const signal = AbortSignal.timeout(20_000)
  const { socket: raw } = await bringHalf(pipe, { egress: DIRECT, credentials: who, signal })
  const { socket } = await tunnelAsClient(raw, { credentials: who, peer: pipe.peer, signal })
  return new Mux(socket, { role: 'client' })
}

/** @returns `opened`, or the reason it was reset with. */
export function openIn(
  mux: Mux,
  { grant, session }: Pick<Granted, 'grant' | 'session'>,
  { host, port }: Wanted,
): Promise<string> {
  mux.sendGrant(grant)
  return new Promise((resolve) => {
    mux.open(
      { session, grant: grantReference(grant), protocol: 'tcp', host, port },
      { opened: () => resolve('opened'), closed: ({ reason }) => resolve(reason) },
    )
  })
}

export async function openStream(agent: RogueAgent, who: Credentials, to: Wanted): Promise<string> {
  const granted = await authorize(agent, to)
  await using mux = await openMux(who, granted.pipe!)
  return await openIn(mux, granted, to)
}
