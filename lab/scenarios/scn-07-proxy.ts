import { blink, printed, runPrinted } from '../cures.ts'
import type { Daemon } from '../daemon.ts'
import { type Consultation, consultAt } from '../doctor.ts'
import type { Lab } from '../lab.ts'
import { labProgram, NODE } from '../paths.ts'
import type { Scenario, Variant } from '../scenario.ts'
import { startSquid } from '../squid.ts'
import { ADDRESS } from '../topology.ts'

const PORT = 3128
const AT = `${ADDRESS.proxy}:${PORT}`
const FROM_A = `ip saddr ${ADDRESS['connector-a']} ip daddr 198.51.100.0/24`
const running = new WeakMap<Lab, Daemon>()

async function startProxy(lab: Lab, ...lines: string[]): Promise<void> {
  const { proxy } = lab.machines
  const config = [`Port ${PORT}`, `Listen ${ADDRESS.proxy}`, 'Timeout 60', 'MaxClients 20', ...lines]
  const file = proxy.file('tinyproxy.conf', `${config.join('\n')}\n`, { mode: 0o644 })
  const daemon = proxy.start('tinyproxy', ['tinyproxy', '-d', '-c', file])
  running.set(lab, daemon)
  const listens = async () => (await proxy.run('ss', '-Hltn', `sport = :${PORT}`)).stdout !== ''
  await daemon.until(listens, 'listen', 10_000)
}

/** From now on connector-a gets out through the proxy or not at all. */
async function wallIn(lab: Lab): Promise<void> {
  await lab.firewall.block(`${FROM_A} drop`)
  await blink(lab, lab.connectors.a)
}

/** Its control connection is gone for a moment, and it comes back through the proxy. */
async function blinkProxy(lab: Lab): Promise<void> {
  const { a } = lab.connectors
  const mark = a.daemon.mark()
  await lab.machines.proxy.stop(running.get(lab)!, 'SIGKILL')
  await a.daemon.until(
    () =>
      a.daemon.lines(mark).some(({ event }) => event === 'control.disconnected' || event === 'control.down'),
    'lose its proxy',
    20_000,
  )
  await startProxy(lab, 'ConnectPort 443')
}

/** The doctor on the device of the user. */
function consultDevice(lab: Lab): Promise<Consultation> {
  const { user } = lab.machines
  const { stateDir } = lab.client
  return consultAt(user, ['doctor', 'client', '--config', `${user.dir}/client.yaml`, '--state', stateDir])
}

async function end(lab: Lab): Promise<void> {
  await lab.firewall.clear()
  lab.machines['connector-a'].etc('environment', '')
  await lab.machines['connector-a'].succeed('rm', '-f', lab.connectors.a.proxyFile)
  await lab.connectors.a.healthy()
  const daemon = running.get(lab)
  if (daemon !== undefined) await lab.machines.proxy.stop(daemon, 'SIGKILL')
}

function variant(o: Omit<Variant, 'hop'>): Variant {
  return { hop: 'edge', noticeMs: 60_000, restore: end, ...o }
}

export const proxy: Scenario = {
  id: 'SCN-07',
  title: 'A proxy is the only way out',
  story: `"Servers do not talk to the internet" was written into the policy years ago and enforced last weekend. There is a
proxy, and the package managers are configured to use it. connector-a is not, or wrongly.`,
  variants: [
    variant({
      name: 'required',
      does: 'only the proxy gets out, and connector-a does not know about it',
      hints: ['direct connections get no answer', 'apt still works', 'cat /etc/environment'],
      code: 'PROXY_REQUIRED',
      seen: [/effective proxy: none/, /proxy 10\.1\.1\.28:3128, named by file \/etc\/environment/],
      async inject(lab) {
        await startProxy(lab)
        lab.machines['connector-a'].etc('environment', `http_proxy=http://${AT}\n`)
        await wallIn(lab)
      },
      cure: (lab, finding) => runPrinted(lab.connectors.a, finding, /^echo '10\.1\.1\.28:3128' > \S+$/),
    }),
    variant({
      name: 'auth',
      does: 'the proxy requires a user name and password, and connector-a has none',
      hints: ['the proxy answers', 'it does not answer 200', 'it wants to know who is asking'],
      code: 'PROXY_AUTH',
      seen: [/proxy 10\.1\.1\.28:3128, set by file \S+/, /status 40[17]/],
      async inject(lab) {
        await startProxy(lab, 'BasicAuth connector correct-horse')
        lab.connectors.a.proxy(AT)
        await wallIn(lab)
      },
      cure: (lab, finding) =>
        runPrinted(lab.connectors.a, finding, /^echo 'USER:PASSWORD@.*$/, {
          'USER:PASSWORD': 'connector:correct-horse',
        }),
    }),
    variant({
      name: 'squid-auth',
      does: 'squid requires a user name and password, and connector-a has none',
      hints: ['the proxy answers', 'it does not answer 200', 'it wants to know who is asking'],
      code: 'PROXY_AUTH',
      seen: [/proxy 10\.1\.1\.28:3128, set by file \S+/, /status 407/],
      async inject(lab) {
        const { proxy } = lab.machines
        const login = 'connector:correct-horse'
        running.set(lab, await startSquid(proxy, { address: ADDRESS.proxy, port: PORT, login }))
        lab.connectors.a.proxy(AT)
        await wallIn(lab)
      },
      cure: (lab, finding) =>
        runPrinted(lab.connectors.a, finding, /^echo 'USER:PASSWORD@.*$/, {
          'USER:PASSWORD': 'connector:correct-horse',
        }),
    }),
    variant({
      name: 'ntlm',
      does: 'squid requires Windows authentication, and connector-a has a user name and password',
      hints: ['the proxy answers', 'the password is right', 'which authentication scheme does it require?'],
      code: 'PROXY_AUTH',
      cause: /NTLM/,
      seen: [/proxy 10\.1\.1\.28:3128, set by file \S+/, /status 407/, /Proxy-Authenticate: NTLM/],
      async inject(lab) {
        const { proxy } = lab.machines
        running.set(lab, await startSquid(proxy, { address: ADDRESS.proxy, port: PORT, ntlm: true }))
        lab.connectors.a.proxy(`connector:correct-horse@${AT}`)
        await wallIn(lab)
      },
      async cure(lab, finding) {
        printed(finding, /allow .* to reach edge\.example\.net:443 without authentication/)
        const { proxy } = lab.machines
        await proxy.stop(running.get(lab)!, 'SIGKILL')
        running.set(lab, await startSquid(proxy, { address: ADDRESS.proxy, port: PORT }))
      },
    }),
    variant({
      name: 'second-port',
      does: 'the edge has port 8443 for control connections, but the proxy only allows 443',
      hints: [
        'users notice nothing',
        'backstitch status has a note',
        'by which path would it reach that port?',
      ],
      code: 'CONTROL_PORT_BLOCKED',
      cause: /proxy/,
      seen: [
        /edge\.example\.net:8443 was refused by the proxy/,
        /edge\.example\.net:443 works and is in use/,
      ],
      async inject(lab) {
        const { a, b } = lab.connectors
        await lab.restartServer('--control-port', '8443')
        await startProxy(lab, 'ConnectPort 443')
        a.proxy(AT)
        await lab.firewall.block(`${FROM_A} drop`)
        for (const connector of [a, b]) await connector.refresh()
        await Promise.all([a.healthy(), b.healthy()])
        await blinkProxy(lab)
      },
      async cure(lab, finding) {
        printed(finding, /^allow CONNECT to edge\.example\.net:8443 on the proxy 10\.1\.1\.28:3128/)
        await lab.machines.proxy.stop(running.get(lab)!, 'SIGKILL')
        await startProxy(lab, 'ConnectPort 443', 'ConnectPort 8443')
      },
      restore: async (lab) => {
        await end(lab)
        await lab.restartServer()
      },
    }),
    variant({
      name: 'device-ntlm',
      does: "the user's laptop is configured with a proxy that requires Windows authentication",
      hints: ['the browser connects', 'the client does not', 'which authentication scheme does it require?'],
      code: 'PROXY_AUTH',
      cause: /NTLM/,
      seen: [/status 407/, /Proxy-Authenticate: NTLM/],
      cutsAll: true,
      examinedOn: 'user',
      examine: consultDevice,
      noticed: async (lab) => (await lab.clientStatus()).includes('PROXY_AUTH'),
      async inject(lab) {
        const { edge2, user } = lab.machines
        running.set(lab, await startSquid(edge2, { address: ADDRESS.edge2, port: PORT, ntlm: true }))
        await lab.client.stop()
        user.file('proxy', `${ADDRESS.edge2}:${PORT}\n`, { uid: 0 })
        lab.client.start()
      },
      async cure(lab, finding) {
        printed(finding, /allow .* to reach edge\.example\.net:443 without authentication/)
        const { edge2 } = lab.machines
        await edge2.stop(running.get(lab)!, 'SIGKILL')
        running.set(lab, await startSquid(edge2, { address: ADDRESS.edge2, port: PORT }))
      },
      async restore(lab) {
        const { edge2, user } = lab.machines
        await user.run('rm', '-f', `${user.dir}/proxy`)
        await lab.client.stop()
        lab.client.start()
        await edge2.stop(running.get(lab)!, 'SIGKILL')
      },
    }),
    variant({
      name: 'refused',
      does: 'the proxy allows no connections to port 443',
      hints: ['the proxy answers', 'it does not answer 200', 'it knows who is asking, and refuses'],
      code: 'PROXY_REFUSED',
      seen: [/status 403/],
      async inject(lab) {
        await startProxy(lab, 'ConnectPort 563')
        lab.connectors.a.proxy(AT)
        await wallIn(lab)
      },
      async cure(lab, finding) {
        printed(finding, /^allow CONNECT to edge\.example\.net:443 on the proxy/)
        await lab.machines.proxy.stop(running.get(lab)!, 'SIGKILL')
        await startProxy(lab, 'ConnectPort 443')
      },
    }),
    variant({
      name: 'gone',
      does: 'the configured proxy is switched off',
      hints: ['a proxy is configured', 'does it answer?', 'nc -zv 10.1.1.28 3128'],
      code: 'PROXY_UNREACHABLE',
      seen: [/proxy 10\.1\.1\.28:3128, set by file \S+/],
      async inject(lab) {
        lab.connectors.a.proxy(AT)
        await wallIn(lab)
      },
      async cure(lab, finding) {
        printed(finding, /^correct the proxy in file \S+, or remove it there$/)
        await lab.machines['connector-a'].succeed('rm', '-f', lab.connectors.a.proxyFile)
        await lab.firewall.clear()
      },
    }),
    variant({
      name: 'slow',
      does: 'the proxy is overloaded and answers each CONNECT after 12 s',
      hints: ['the proxy is up', 'it accepts the connection, and then nothing', 'how long do you wait?'],
      code: 'PROXY_UNREACHABLE',
      seen: [/proxy 10\.1\.1\.28:3128, set by file \S+/, /the daemon waits 10 s/],
      async inject(lab) {
        const main = labProgram('slow-proxy-main')
        const command = [NODE, main, ADDRESS.proxy, String(PORT), '12000']
        running.set(lab, lab.machines.proxy.start('slow-proxy', command))
        lab.connectors.a.proxy(AT)
        await wallIn(lab)
      },
      async cure(lab, finding) {
        printed(finding, /proxy's log and load/)
        await lab.machines.proxy.stop(running.get(lab)!, 'SIGKILL')
        await startProxy(lab)
      },
    }),
  ],
}
