/** Programs of other users of the machine, at every way into the client. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { chown, lstat, mkdir, stat } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { clientStatusText } from '../src/cli/client-status.ts'
import { parseForward } from '../src/client/address/forward-spec.ts'
import type { Client } from '../src/client/client.ts'
import type { ClientOptions } from '../src/client/options.ts'
import { type ClientSite, openClientSite, until } from './client-site.ts'
import { listenUdp, type UdpSocket } from './client-traffic.ts'
import { needs } from './needs.ts'

const NOBODY = 65_534
const PAGE = 'private page of ada'
/** What curl says of a reset, which may come while it still connects. */
const CUT = /reset|Couldn't connect|Empty reply/i

/** What a program says, run by another user, or by this one. */
function run(uid: number | undefined, [command, ...args]: readonly [string, ...string[]]): Promise<string> {
  const as = uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']
  const [program, ...rest] = [...as, command, ...args] as [string, ...string[]]
  return new Promise((resolve) => {
    execFile(program, rest, { timeout: 30_000, cwd: '/' }, (_, stdout, stderr) => resolve(stdout + stderr))
  })
}

const curl = (...args: string[]): [string, ...string[]] => [
  'curl',
  '-q',
  '-sS',
  '-m',
  '20',
  '--noproxy',
  '',
  ...args,
]

describe('users of the machine', { skip: needs('root', 'curl') }, () => {
  let opened: ClientSite
  let app: http.Server
  let udp: UdpSocket
  let port: number

  before(async () => {
    opened = await openClientSite()
    await opened.connector('connector')
    await opened.signIn()
    app = http.createServer((_, response) => response.end(PAGE)).listen(0, '127.0.0.1')
    await once(app, 'listening')
    port = (app.address() as net.AddressInfo).port
    udp = await listenUdp('127.0.0.1', (message, from, socket) =>
      socket.send(message, from.port, from.address),
    )
  })
  after(async () => {
    await opened?.[Symbol.asyncDispose]()
    await udp?.[Symbol.asyncDispose]()
    app?.close()
  })

  const start = async (over: Partial<ClientOptions>) => {
    const { client, stop } = await opened.client(over)
    return { client, [Symbol.asyncDispose]: stop }
  }
  const forwards = () =>
    [
      `127.0.0.1:0 localhost:${port}`,
      `udp/127.0.0.1:0 127.0.0.1:${udp.port}`,
      `[::1]:0 localhost:${port}`,
    ].map(parseForward)
  const ask = (client: Client) => {
    const proxy = client.proxyAddress!
    const [tcp, overUdp, v6] = client.status().forwards.map(({ local }) => local)
    const url = `http://localhost:${port}/`
    const udpPort = overUdp!.split(':')[1]!
    return {
      SOCKS5: curl('--socks5-hostname', proxy, url),
      'HTTP CONNECT': curl('--proxytunnel', '--proxy', `http://${proxy}`, url),
      'plain HTTP': curl('--proxy', `http://${proxy}`, url),
      PAC: curl(`http://${proxy}/proxy.pac`),
      figures: curl(`http://${proxy}/metrics`),
      forward: curl(`http://${tcp}/`),
      'forward over IPv6': curl(`http://${v6}/`),
      'UDP forward': [
        'bash',
        '--norc',
        '-c',
        `exec 3<>/dev/udp/127.0.0.1/${udpPort}; printf '${PAGE}' >&3; timeout 3 head -c ${PAGE.length} <&3`,
      ],
    } as const satisfies Record<string, readonly [string, ...string[]]>
  }

  test('the user who signed in comes in everywhere, another one nowhere, and is told', async () => {
    await using running = await start({ forwards: forwards() })
    const { client } = running
    const ways = ask(client)
    for (const [name, command] of Object.entries(ways)) {
      const seen = await run(undefined, command)
      assert.match(
        seen,
        name === 'PAC' ? /FindProxyForURL/ : name === 'figures' ? /control_up/ : /private page/,
        name,
      )
    }
    const before = client.status()
    const says: Record<keyof typeof ways, RegExp> = {
      SOCKS5: /SOCKS5.*\(2\)/,
      'HTTP CONNECT': /403/,
      'plain HTTP': /"code": "LOCAL_USER_REFUSED"/,
      PAC: /"code": "LOCAL_USER_REFUSED"/,
      figures: /"uid": 65534/,
      forward: CUT,
      'forward over IPv6': CUT,
      'UDP forward': /^$/,
    }
    for (const [name, command] of Object.entries(ways)) {
      const seen = await run(NOBODY, command)
      assert.match(seen, says[name as keyof typeof ways], name)
      assert.doesNotMatch(seen, /private page|FindProxyForURL|control_up/, name)
    }
    const status = client.status()
    assert.deepEqual(status.sessions, before.sessions, 'nothing of it became a session')
    assert.equal(status.localUsers.refused, Object.keys(ways).length)
    assert.match(
      clientStatusText(status),
      /local users +root \(uid 0\); \d+ refused, the last user nobody \(uid 65534\)/,
    )
    const rows = status.decisions.filter(({ code }) => code === 'LOCAL_USER_REFUSED')
    assert.equal(rows.length, 1, 'one line for the user, whatever was asked for')
    assert.match(rows[0]!.because, /user nobody \(uid 65534\); only root \(uid 0\) may/)
  })

  test('whoever is named comes in, and with allowEveryone everybody does', async () => {
    for (const users of [{ uids: [NOBODY] }, { everyone: true }]) {
      await using running = await start({ users, forwards: forwards() })
      const { client } = running
      for (const [name, command] of Object.entries(ask(client))) {
        assert.doesNotMatch(await run(NOBODY, command), /LOCAL_USER_REFUSED|curl:|^$/, name)
      }
    }
  })

  test('a program that is gone before anybody looks is not taken for root', async () => {
    await using running = await start({ users: { uids: [] }, forwards: forwards() })
    const { client } = running
    let asked = 0
    app.on('request', () => asked++)
    const [host, at] = client.proxyAddress!.split(':')
    const request = `printf 'GET http://localhost:${port}/ HTTP/1.1\\r\\nHost: localhost:${port}\\r\\n\\r\\n'`
    // Opened, said and closed without waiting, many times: whatever the race gives, no request arrives.
    const hasty = `for i in $(seq 200); do ${request} >/dev/tcp/${host}/${at}; done`
    await run(NOBODY, ['bash', '--norc', '-c', hasty])
    await until(async () => client.status().localUsers.refused >= 200)
    assert.equal(asked, 0)
  })

  test('a UDP port that another user takes over is theirs at once', async () => {
    const said: string[] = []
    await using app = await listenUdp('127.0.0.1', (message, from, socket) => {
      said.push(message.toString())
      socket.send(message, from.port, from.address)
    })
    await using running = await start({ forwards: [parseForward(`udp/127.0.0.1:0 127.0.0.1:${app.port}`)] })
    const { client } = running
    const to = Number(client.status().forwards[0]!.local.split(':')[1])
    const own = dgram.createSocket('udp4')
    const say = async () => {
      own.send('of ada', to, '127.0.0.1')
      await once(own, 'message')
    }
    await say()
    const { port: from } = own.address()
    // Waits for the port, and sends from it.
    const thief = `
      use Socket;
      socket(my $s, PF_INET, SOCK_DGRAM, 17);
      $| = 1; print "waits";
      1 until bind($s, sockaddr_in(${from}, inet_aton("127.0.0.1")));
      send($s, "of a thief", 0, sockaddr_in(${to}, inet_aton("127.0.0.1")));
      sleep 30`
    const flags = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', 'perl', '-e', thief]
    const taking = spawn('setpriv', flags, { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' })
    try {
      await once(taking.stdout, 'data')
      await say() // so that whose the port is has just been asked
      own.close()
      await until(async () => client.status().localUsers.refused > 0)
      assert.ok(!said.includes('of a thief'), said.join())
    } finally {
      taking.kill()
    }
  })

  test('Unix sockets are for the user alone, and carry what the ports do', async () => {
    const file = path.join(opened.site.dir, 'db.sock')
    const over = path.join(opened.site.dir, 'proxy-here.sock')
    const forward = parseForward(`unix:${file} localhost:${port}`)
    await using running = await start({ listen: undefined, listenFile: over, forwards: [forward] })
    const { client } = running
    const own = path.join(opened.clientDir, 'proxy.sock')
    assert.equal(client.proxyAddress, undefined)
    assert.deepEqual(
      client.status().proxySockets,
      [own, over].map((one) => `unix:${one}`),
    )
    assert.equal(client.status().forwards[0]!.local, `unix:${file}`)
    for (const one of [own, over, file]) assert.equal((await stat(one)).mode & 0o777, 0o600, one)
    const url = `http://localhost:${port}/`
    for (const at of [own, over]) {
      const ways = {
        SOCKS5: curl('--proxy', `socks5h://localhost${at}`, url),
        figures: curl('--unix-socket', at, 'http://localhost/metrics'),
      }
      assert.equal(await run(undefined, ways.SOCKS5), PAGE)
      assert.match(await run(undefined, ways.figures), /control_up 1/)
      for (const way of Object.values(ways)) {
        assert.doesNotMatch(await run(NOBODY, way), /private page|control_up/)
      }
      // A browser cannot go there, so there is nothing to write for one.
      assert.match(await run(undefined, curl('--unix-socket', at, 'http://localhost/proxy.pac')), /NOT_FOUND/)
    }
    const forwarded = curl('--unix-socket', file, url)
    assert.equal(await run(undefined, forwarded), PAGE)
    assert.doesNotMatch(await run(NOBODY, forwarded), /private page/)
    await running[Symbol.asyncDispose]()
    await assert.rejects(lstat(own), { code: 'ENOENT' })
  })

  test('a Unix socket is not made where another user could put one of theirs in its place', async () => {
    const theirs = path.join(opened.site.dir, 'theirs')
    await mkdir(theirs)
    await chown(theirs, NOBODY, NOBODY)
    const file = path.join(theirs, 'db.sock')
    const refused = { code: 'LISTEN_FAILED', message: /theirs.*belongs to user 65534/ }
    await assert.rejects(opened.client({ listenFile: file }), refused)
    await assert.rejects(
      opened.client({ forwards: [parseForward(`unix:${file} localhost:${port}`)] }),
      refused,
    )
  })

  test('a Unix socket is made over what a crash left, and over nothing else', async () => {
    const file = path.join(opened.site.dir, 'taken.sock')
    const holder = net.createServer().listen(file)
    await once(holder, 'listening')
    const taken = (listenFile: string) => opened.client({ listenFile })
    await assert.rejects(taken(file), { code: 'LISTEN_FAILED', message: /EADDRINUSE, held by process/ })
    await assert.rejects(taken(opened.site.dir), { code: 'LISTEN_FAILED', message: /EEXIST/ })
    holder.close()
    await once(holder, 'close')
  })
})
