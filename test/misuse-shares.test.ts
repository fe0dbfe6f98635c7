import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { asFault, type Fault } from '../src/base/faults.ts'
import { newId } from '../src/base/ids.ts'
import { CONTROL_SHARES } from '../src/base/share-table/control.ts'
import type { Credentials } from '../src/link/dial/credentials.ts'
import { DIRECT } from '../src/link/dial/egress.ts'
import { bringHalf } from '../src/link/pipe/handover.ts'
import { tunnelAsClient } from '../src/link/pipe/secure-tunnel.ts'
import { createKeyAndCsr } from '../src/pki/csr.ts'
import type { AgentMessage, PipeTicket } from '../src/wire/control.ts'
import { openClientSite, PASSWORD, USER } from './client-site.ts'
import { enrolConnector, placeOf, RogueAgent, signInDevice } from './misuse-agent.ts'

const signal = new AbortController().signal

async function open(t: TestContext) {
  const opened = await openClientSite()
  t.after(() => opened[Symbol.asyncDispose]())
  const { site } = opened
  const { objects, passwords } = site.control.store
  const made = await objects.put({
    ...{ kind: 'user', name: 'mallory' },
    spec: { description: '', enabled: true, displayName: 'Mallory', email: '', groups: [] },
  })
  const { id } = (await objects.find('user', USER))!
  await passwords.put(made.id, (await passwords.get(id))!)
  const place = placeOf(site)
  return {
    ...{ opened, site, place },
    signIn: (user = USER) => signInDevice(place, { user, password: PASSWORD }),
    async connect(who: Credentials) {
      const agent = await RogueAgent.connect(place, who)
      t.after(() => agent[Symbol.asyncDispose]())
      return agent
    },
    enrol: async () => enrolConnector(place, await site.key()),
  }
}

function fails(work: Promise<unknown>): Promise<Fault | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => asFault(error),
  )
}

/** Does it again and again. @returns how often it was done before it was refused, and with what. */
async function untilRefused(work: () => Promise<unknown>) {
  for (let times = 0; ; times++) {
    const fault = await fails(work())
    if (fault !== undefined) return { times, fault }
  }
}

function told(fault: Fault, resource: string) {
  assert.equal(fault.code, 'RATE_LIMITED', fault.message)
  assert.equal(fault.seen.resource, resource)
  assert.ok(Number(fault.seen.retryAfterS) >= 1)
}

const ask = (over: object = {}): AgentMessage & { id: string } => ({
  ...{ type: 'authorize', id: newId('req'), session: newId('ses') },
  ...{ host: 'localhost', port: 22, protocol: 'tcp', wantPipe: false, ...over },
})

test('a device that connects in a loop is told to wait, and another is let in', async (t) => {
  const { place, signIn, connect } = await open(t)
  const loop = await signIn('mallory')
  const { times, fault } = await untilRefused(async () => {
    await using _agent = await RogueAgent.connect(place, loop)
  })
  assert.ok(times >= CONTROL_SHARES.connects.rates[0].burst, `${times}`)
  told(fault, 'new control connections')
  const agent = await connect(await signIn())
  assert.equal(agent.channel.isOpen, true)
})

test('a device that asks without end is told to wait, and another is answered', async (t) => {
  const { connect, enrol, signIn } = await open(t)
  await connect(await enrol())
  const [mallory, victim] = [await connect(await signIn('mallory')), await connect(await signIn())]
  const many = Array.from({ length: 1500 }, () =>
    fails(mallory.channel.request(ask({ host: 'x.test' }), 60_000)),
  )
  assert.equal((await victim.channel.request(ask(), 20_000)).type, 'granted')
  const refused = (await Promise.all(many)).filter((fault) => fault?.code === 'RATE_LIMITED')
  assert.ok(refused.length > 100, `${refused.length}`)
  told(refused[0]!, 'access requests')
  assert.equal((await victim.channel.request(ask(), 20_000)).type, 'granted')
})

async function tunnel(who: Credentials, pipe: PipeTicket): Promise<void> {
  const { socket: raw } = await bringHalf(pipe, { egress: DIRECT, credentials: who, signal })
  const { socket } = await tunnelAsClient(raw, { credentials: who, peer: pipe.peer, signal })
  socket.destroy()
}

test('a device that asks for pipes and never comes stops nobody: its next is refused, the tunnel of another opens', async (t) => {
  const { opened, connect, signIn } = await open(t)
  await opened.connector('connector')
  const victim = await signIn()
  const [mallory, agent] = [await connect(await signIn('mallory')), await connect(victim)]
  const granted = await mallory.channel.request(ask(), 8000)
  assert.ok(granted.type === 'granted')
  const pipe = () =>
    mallory.channel.request(
      { type: 'want-pipe', id: newId('req'), connector: granted.connector, session: newId('ses') },
      30_000,
    )
  const { times, fault } = await untilRefused(pipe)
  assert.ok(times >= CONTROL_SHARES.pipes.rates[0].burst, `${times}`)
  told(fault, 'pipe requests')
  // They are answered in turn: what comes behind these finds nothing left, however slow the machine.
  const before = Array.from({ length: 100 }, () => fails(pipe()))
  const over = await mallory.channel.request(ask({ wantPipe: true }), 30_000)
  await Promise.all(before)
  assert.ok(over.type === 'granted', 'the grant is given all the same')
  assert.equal(over.pipe, undefined)
  const mine = await agent.channel.request(ask({ wantPipe: true }), 8000)
  assert.ok(mine.type === 'granted' && mine.pipe !== undefined)
  await tunnel(victim, mine.pipe)
})

test('a connector that asks for canaries without end is told to wait, and another gets its own', async (t) => {
  const { connect, enrol } = await open(t)
  const [loud, other] = [await connect(await enrol()), await connect(await enrol())]
  const canary = (agent: RogueAgent) => agent.channel.request({ type: 'canary', id: newId('req') }, 8000)
  const { times, fault } = await untilRefused(() => canary(loud))
  assert.ok(times >= CONTROL_SHARES.canaries.rates[0].burst, `${times}`)
  told(fault, 'canaries')
  assert.equal((await canary(other)).type, 'canary-pipe')
})

test('an agent that renews without end is told to wait, and another is given its certificate', async (t) => {
  const { connect, enrol } = await open(t)
  const [loud, other] = [await connect(await enrol()), await connect(await enrol())]
  const { csrPem: csr } = await createKeyAndCsr('rogue')
  const renew = (agent: RogueAgent) =>
    fails(agent.channel.request({ type: 'renew', id: newId('req'), csr }, 8000))
  // Of a key that is not its own: what it costs to look is counted all the same.
  let fault = await renew(loud)
  for (let times = 0; fault?.code === 'INVALID' && times < 1000; times++) fault = await renew(loud)
  told(fault!, 'certificate renewals')
  assert.equal((await renew(other))?.code, 'INVALID')
})
