/**
 * OpenSSH end to end through a relay: the far side dials out with `ssh -R`, the user comes with `ssh -J`.
 *
 * The nearest relative in shape: an outbound agent, many sessions in one connection, flow control per session.
 * Bytes are encrypted twice on each leg. Own daemons on high ports with own keys; no file of the machine is read.
 *
 * @module
 */

import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type Service, servicesOf } from '../application.ts'
import { type Address, Children } from '../children.ts'
import { isInside, localRoute, run } from '../isolation.ts'
import type { Path, Peer, Site } from '../path.ts'
import { freePort } from '../ports.ts'
import { entrances } from './chain.ts'

const CIPHER = 'aes256-gcm@openssh.com'
/**
 * Both legs run here. ssh turns Nagle's algorithm off for terminals only, so its window messages wait 40 ms for a
 * delayed ACK; a route that acknowledges at once takes that away (54 MB/s became 364). Everyone else has TCP_NODELAY.
 */
const LEGS = isInside() ? '127.0.2.1' : '127.0.0.1'
/** sshd must be started by its full path, to start itself again for each connection. */
const SSHD = '/usr/sbin/sshd'

export const ssh: Peer = {
  name: 'ssh',
  title: 'ssh -R and -J (end to end)',
  protection: 'end to end + hop',
  commands: ['ssh', 'ssh-keygen', SSHD],
  packages: ['openssh-client', 'openssh-server'],
  lacks: 'policy per application, records of sessions',
  needsRoot: true,
  start,
}

async function start({ dir, application }: Site): Promise<Path> {
  // Only in a mount namespace of our own, where /run is empty and private.
  if (isInside()) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const [relayPort, innerPort, reversePort] = [await freePort(), await freePort(), await freePort()]
  const links: { service: Service; user: number; at: Address }[] = []
  for (const [service, at] of servicesOf(application.at)) links.push({ service, at, user: await freePort() })
  if (isInside()) localRoute('127.0.2.0/24', ['quickack', '1'])
  makeKeys(dir)
  const config = clientConfig(dir, { relayPort, reversePort })
  const children = new Children(dir)
  try {
    const relay = children.start('relay', [SSHD, '-D', '-e', '-f', daemonConfig(dir, 'relay', relayPort)])
    const inner = children.start('inner', [SSHD, '-D', '-e', '-f', daemonConfig(dir, 'inner', innerPort)])
    await children.listening(relay, { host: LEGS, port: relayPort })
    await children.listening(inner, { host: LEGS, port: innerPort })
    const reverse = `${LEGS}:${reversePort}:${LEGS}:${innerPort}`
    const agent = children.start('agent', ['ssh', '-F', config, '-N', '-R', reverse, 'relay'])
    await children.listening(agent, { host: LEGS, port: reversePort })
    const forwards = links.flatMap(({ user, at }) => ['-L', `127.0.0.1:${user}:${at.host}:${at.port}`])
    const user = children.start('user', ['ssh', '-F', config, '-N', ...forwards, '-J', 'relay', 'inner'])
    await children.listening(user, { host: '127.0.0.1', port: links[0]!.user })
    return {
      to: entrances(links),
      processes: { client: [user.pid], edge: [relay.pid], connector: [agent.pid, inner.pid] },
      note: isInside()
        ? 'its legs acknowledge at once, as ssh does not set TCP_NODELAY without a terminal; as it comes it is far slower'
        : 'without TCP_NODELAY, which ssh sets for terminals only: waits for delayed ACKs',
      children,
      [Symbol.asyncDispose]: () => children[Symbol.asyncDispose](),
    }
  } catch (error) {
    await children[Symbol.asyncDispose]()
    throw error
  }
}

function makeKeys(dir: string): void {
  for (const name of ['host', 'login']) {
    run('ssh-keygen', ['-q', '-t', 'ecdsa', '-b', '256', '-N', '', '-f', path.join(dir, name)])
  }
  copyFileSync(path.join(dir, 'login.pub'), path.join(dir, 'authorized'))
  chmodSync(path.join(dir, 'authorized'), 0o600)
}

function daemonConfig(dir: string, name: string, port: number): string {
  const file = path.join(dir, `${name}.sshd`)
  writeFileSync(
    file,
    `ListenAddress ${LEGS}:${port}
HostKey ${path.join(dir, 'host')}
AuthorizedKeysFile ${path.join(dir, 'authorized')}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding yes
GatewayPorts clientspecified
Compression no
MaxSessions 1000
MaxStartups 1000:30:2000
LogLevel ERROR
`,
  )
  return file
}

function clientConfig(
  dir: string,
  { relayPort, reversePort }: { relayPort: number; reversePort: number },
): string {
  const file = path.join(dir, 'ssh_config')
  writeFileSync(
    file,
    `Host relay
  Port ${relayPort}
Host inner
  Port ${reversePort}
Host *
  HostName ${LEGS}
  BindAddress ${LEGS}
  User ${os.userInfo().username}
  IdentityFile ${path.join(dir, 'login')}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile /dev/null
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking no
  Ciphers ${CIPHER}
  KexAlgorithms curve25519-sha256
  Compression no
  ExitOnForwardFailure yes
  LogLevel ERROR
  BatchMode yes
`,
  )
  return file
}
