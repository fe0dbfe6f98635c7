import { spawnSync } from 'node:child_process'
import { missingPackages } from './needs.ts'
import { PACKAGES, type Package } from './packages.ts'

/**
 * Installs what PACKAGES lists and this machine lacks. Only for machines made for one run: CI=true.
 *
 * @returns What went wrong, or undefined.
 */
export function installPackages(say: (line: string) => void): string | undefined {
  const missing = missingPackages(Object.keys(PACKAGES) as Package[])
  if (missing.length === 0) return undefined
  if (process.getuid?.() !== 0) return `root is needed to install ${missing.join(' ')}`
  say(`installing ${missing.join(' ')}`)
  const apt = (...args: string[]) =>
    spawnSync('apt-get', ['-qq', '-o', 'Dpkg::Use-Pty=0', ...args], {
      encoding: 'utf8',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
  for (const step of [['update'], ['install', '-y', '--no-install-recommends', ...missing]]) {
    const { status, stdout, stderr, error } = apt(...step)
    if (status !== 0) return error?.message ?? `apt-get ${step[0]}: ${stdout}${stderr}`
  }
  return undefined
}
