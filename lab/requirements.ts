/**
 * What the lab needs of a machine, and which of it is missing.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { findProgram } from './find-program.ts'

/** Debian packages, each with the program that shows it is there. */
export const LAB_PACKAGES = {
  bind9: 'named',
  curl: 'curl',
  'dnsmasq-base': 'dnsmasq',
  e2fsprogs: 'mkfs.ext4',
  faketime: 'faketime',
  iproute2: 'ip',
  'iputils-ping': 'ping',
  'netcat-openbsd': 'nc',
  nftables: 'nft',
  openssl: 'openssl',
  procps: 'sysctl',
  socat: 'socat',
  'squid-openssl': 'squid',
  sudo: 'sudo',
  tinyproxy: 'tinyproxy',
  'util-linux': 'setpriv',
} as const satisfies Readonly<Record<string, string>>

/** Sentences, empty when the lab can run here. */
export function missingHere(): string[] {
  const problems: string[] = []
  if (process.getuid?.() !== 0) problems.push('root is required: run it with sudo')
  const packages = Object.entries(LAB_PACKAGES)
    .filter(([, program]) => findProgram(program) === undefined)
    .map(([name]) => name)
  if (packages.length > 0) problems.push(`apt-get install -y ${packages.join(' ')}`)
  if (problems.length === 0 && spawnSync('unshare', ['--net', 'true']).status !== 0) {
    problems.push(
      'this machine does not let root create network namespaces (a container without CAP_SYS_ADMIN?)',
    )
  }
  return problems
}

/** libfaketime, for programs with threads; Debian keeps it beside the libraries of the architecture. */
export function faketimeLibrary(): string {
  const [found] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')
  if (found === undefined) throw new Error('libfaketime is not installed: apt-get install faketime')
  return found
}
