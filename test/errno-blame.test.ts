import assert from 'node:assert/strict'
import os from 'node:os'
import { test } from 'node:test'
import { writeFault } from '../src/base/durable-file.ts'
import type { Fault } from '../src/base/faults.ts'
import { actAs } from '../src/base/own-hop.ts'
import { shortageOf } from '../src/base/shortage.ts'
import { directFaultCode } from '../src/client/session/direct.ts'
import { Resolver } from '../src/connector/dial/resolver.ts'
import { CHECKS } from '../src/doctor/checks/all.ts'
import { diagnose } from '../src/doctor/diagnose.ts'
import { factsOf, NO_WAY, tcp } from '../src/doctor/facts.fixture.ts'
import { appFaultCode } from '../src/link/dial/app-errno.ts'
import { unconnected, unresolved } from '../src/link/dial/dial.ts'
import { endOf } from '../src/probe/tcp.ts'

/** All that this system has a number for, and what getaddrinfo adds. */
const EAI = [
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_MEMORY',
  'EAI_FAMILY',
  'EAI_SERVICE',
  'EAI_OVERFLOW',
  'EAI_CANCELED',
]
const ERRNOS = [...Object.keys(os.constants.errno), ...EAI, 'ENOTFOUND', 'ENODATA', 'unknown', 'toString']
const SHORT = ['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EADDRNOTAVAIL', 'EAGAIN', 'EAI_MEMORY']
const OWN: ReadonlySet<string> = new Set(['FD_EXHAUSTED', 'CONNECTOR_OVERLOADED'])
const AT = '203.0.113.7'
const error = (code: string) => Object.assign(new Error(code), { code })

/** Where an errno becomes a code: what it may be, besides a shortage of our own. */
const PLACES: Readonly<Record<string, (errno: string) => string | Promise<string>>> = {
  'connector: a dial': (errno) => appFaultCode(errno, AT),
  'connector: a name': async (errno) => {
    using resolver = new Resolver({ lookup: () => Promise.reject(error(errno)) })
    return await Promise.resolve(resolver.addresses('app')).then(
      () => 'none',
      ({ code }: Fault) => code,
    )
  },
  'client: straight out': (errno) => directFaultCode(errno),
  'link: the name of an edge': (errno) => unresolved('edge.example.com', error(errno)).code,
  'link: the way to an edge': (errno) =>
    unconnected({ host: AT, port: 443 }, [{ address: `${AT}:443`, errno }], [], error(errno)).code,
  'base: a file': (errno) => writeFault(error(errno), '/x').code,
}

for (const [place, codeOf] of Object.entries(PLACES)) {
  test(`${place}: of every errno, our own shortage is ours and nobody else's is`, async () => {
    for (const errno of ERRNOS) {
      const code = await codeOf(errno)
      assert.equal(OWN.has(code), SHORT.includes(errno), `${errno} became ${code}`)
    }
  })
}

test('an errno that says nothing of a resolver or a name is blamed on neither', async () => {
  const said = [...['EAI_AGAIN', 'EAI_FAIL', 'ETIMEDOUT', 'ENOTFOUND', 'ENODATA'], ...WAY_TO_RESOLVER]
  const names = ['connector: a name', 'link: the name of an edge', 'client: straight out']
  for (const errno of ERRNOS.filter((one) => !said.includes(one))) {
    for (const place of names) assert.doesNotMatch(await PLACES[place]!(errno), /RESOLVER|NXDOMAIN/, errno)
  }
})

/** EAI_SYSTEM with the errno of the socket to the resolver. */
const WAY_TO_RESOLVER = [
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EPERM', 'EACCES'],
  ...['ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN', 'EHOSTDOWN', 'ENETRESET'],
]

test('a shortage is told at the hop whose process it is', () => {
  for (const hop of ['client', 'connector', 'edge', 'control'] as const) {
    actAs(hop)
    assert.equal(unresolved('edge.example.com', error('EMFILE')).hop, hop)
  }
  actAs('connector')
})

test('on a machine without IPv6 an address of it is no shortage of ports', () => {
  const has = Object.values(os.networkInterfaces())
    .flat()
    .some((one) => one?.family === 'IPv6' && !one.internal)
  assert.equal(shortageOf('EADDRNOTAVAIL', '[2001:db8::1]:443') !== undefined, has)
  assert.ok(shortageOf('EADDRNOTAVAIL', '10.0.0.1:443'))
})

test('the doctor blames nobody it could not try, and names what was missing', () => {
  for (const errno of ERRNOS) {
    const end = endOf(errno, AT, 3)
    assert.equal(end === 'unasked', SHORT.includes(errno), errno)
    const attempts = [tcp(end, { errno })]
    const facts = factsOf({
      known: { tcp: { host: 'edge.example.com', attempts, proxies: [] } },
      without: NO_WAY,
    })
    const { roots, judgements } = diagnose(CHECKS, facts)
    const said = judgements.find(({ check }) => check === 'edge-tcp')!.verdict
    if (!SHORT.includes(errno)) continue
    assert.deepEqual(said.is, 'unknown', errno)
    assert.match(JSON.stringify(said), new RegExp(`was not tried: no .* left here \\(${errno}\\)`))
    const blamed = roots.map(({ hop, verdict }) => `${hop} ${verdict.fault}`)
    assert.deepEqual(blamed, errno === 'EADDRNOTAVAIL' ? ['connector CONNECTOR_OVERLOADED'] : [], errno)
  }
})
