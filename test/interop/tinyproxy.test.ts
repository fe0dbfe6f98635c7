/** Connector and client where the only way out to the edge is tinyproxy. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { type Address, Children } from '../../bench/children.ts'
import { serveEcho, type TcpApp } from '../client-traffic.ts'
import { Installation, PROGRAM } from '../installation.ts'
import { needs } from '../needs.ts'
import { finish, shell, succeed } from '../program.ts'
import { freeAddress, openFolder, Place, show } from './place.ts'
import { Tinyproxy } from './tinyproxy.ts'

const LOGIN = { user: 'office', password: 'between-four-walls' }
const PROXIES = '127.0.0.3'
const skip = needs('iproute2', 'netcat-openbsd', 'tinyproxy')

describe('edge traffic through tinyproxy', { skip }, () => {
  let application: TcpApp
  before(async () => {
    application = await serveEcho()
  })
  after(() => application?.[Symbol.asyncDispose]())

  for (const [how, login] of [
    ['without authentication', undefined],
    ['with Basic authentication', LOGIN],
  ] as const) {
    test(`${how}: enrolment, control and tunnels, and nothing beside it`, async () => {
      let proxy: Tinyproxy | undefined
      const to = { host: '127.0.0.1', port: application.port }
      await using place = await Place.open({
        forwards: { echo: { to } },
        egress: async (edge, dir, children) => {
          const at = await freeAddress(PROXIES)
          proxy = await Tinyproxy.start(children, { dir, at, connectPort: edge.port, login })
          return `${login ? `${login.user}:${login.password}@` : ''}${show(at)}\n`
        },
      })
      const { edge, clientFlags } = place.installation
      const sent = 'a line\n'.repeat(100_000)
      const back = await succeed(['nc', '-N', '127.0.0.1', `${place.to('echo').port}`], { input: sent })
      assert.ok(back === sent, 'an application is reached')

      const requests = await proxy!.requests()
      assert.ok(requests.length > 5, 'sign-in, enrolment, two control channels, halves of a tunnel')
      assert.deepEqual([...new Set(requests)], [`CONNECT ${show(edge)} HTTP/1.1`])
      const holders = await succeed(['ss', '-Htnp', 'dst', show(edge)])
      const names = [...holders.matchAll(/users:\(\("([^"]+)"/g)].map((match) => match[1])
      assert.ok(names.length > 3, holders)
      assert.deepEqual([...new Set(names)], ['tinyproxy'], 'nobody else is connected to the edge')

      const flags = ['--config', place.file('connector-1.yaml'), '--state', place.file('connector-1')]
      const explained = await succeed([PROGRAM, 'connector', ...flags, '--explain-egress'])
      assert.match(
        explained,
        new RegExp(`${proxy!.at.host}:${proxy!.at.port}[\\s\\S]*${place.file('proxy')}`),
      )
      const connect = [PROGRAM, ...clientFlags, 'connect', to.host, `${to.port}`] as const
      assert.equal(await succeed(connect, { input: 'hello' }), 'hello')
      const said = await succeed(shell('cat "$1"/*.log', place.dir))
      assert.ok(!`${said}${explained}`.includes(LOGIN.password), 'the password is in no log')
    })
  }

  test('with a wrong password both say PROXY_AUTH and name the proxy; the right one is enough', async () => {
    await using owned = new AsyncDisposableStack()
    const dir = await openFolder(owned)
    const installation = owned.use(
      await Installation.start({ dir, reach: { cidrs: ['10.0.0.0/8'], tcp: ['1'] } }),
    )
    const at: Address = await freeAddress(PROXIES)
    const children = owned.use(new Children(dir))
    await Tinyproxy.start(children, { dir, at, connectPort: installation.edge.port, login: LOGIN })
    const { proxyFile } = installation
    await writeFile(proxyFile, `${LOGIN.user}:mistyped@${show(at)}\n`, { mode: 0o600 })

    const refused = await finish(installation.signInCommand({}))
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr, /PROXY_AUTH/)
    assert.match(refused.stderr, new RegExp(`proxy ${show(at)} rejected the credentials of "office"`))

    const connector = installation.startConnector(await installation.addConnector())
    const failed = () => installation.logged(connector, 'bring-up.failed')[0]
    await installation.until(connector, () => failed() !== undefined, 'fail')
    assert.equal(failed()!.code, 'PROXY_AUTH')
    assert.equal(failed()!.stage, 3)
    assert.match(JSON.stringify(failed()), new RegExp(show(at)))
    assert.doesNotMatch(`${refused.stderr}${await readFile(connector.logFile, 'utf8')}`, /mistyped/)

    await writeFile(proxyFile, `${LOGIN.user}:${LOGIN.password}@${show(at)}\n`)
    await installation.passed(connector, 6)
  })
})
