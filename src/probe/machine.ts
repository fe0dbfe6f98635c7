/**
 * What makes this machine this machine: four factors, read from the system, judged nowhere here.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { FACTOR_NAMES, type FactorName } from '../pki/seal.ts'
import { readDefaultInterface } from './default-route.ts'
import { readRootDisk } from './root-disk.ts'

export interface MachineFacts {
  readonly factors: Partial<Record<FactorName, string>>
  /** Why a factor could not be had, in words for people. */
  readonly missing: Partial<Record<FactorName, string>>
}

export interface MachineOptions {
  /** Where the file system starts; tests give a folder of their own. */
  readonly root?: string
  /**
   * JSON written by a privileged step before the start (`gatherMachine`), for factors that only root may read.
   * Believed only if root or this user owns it and nobody else can write to it.
   */
  readonly gathered?: string
}

/** Reads every factor that can be had. Never throws: what is missing says why. */
export async function readMachine({ root = '/', gathered }: MachineOptions = {}): Promise<MachineFacts> {
  const at = (...parts: string[]) => path.join(root, ...parts)
  const readers: Record<FactorName, () => Promise<string>> = {
    machineId: () => readMachineId(at('etc/machine-id')),
    mac: () => readMac(root),
    productUuid: () => readProductUuid(at('sys/class/dmi/id/product_uuid')),
    rootDisk: () => readRootDisk(root),
  }
  const before = gathered === undefined ? {} : await readGathered(gathered)
  const factors: Partial<Record<FactorName, string>> = {}
  const missing: Partial<Record<FactorName, string>> = {}
  await Promise.all(
    FACTOR_NAMES.map(async (name) => {
      try {
        factors[name] = await readers[name]()
      } catch (error) {
        if (before[name] !== undefined) factors[name] = before[name]
        else missing[name] = (error as Error).message
      }
    }),
  )
  return { factors, missing }
}

/** SHA-256 of each factor, hex: what may leave the machine as evidence. Never the factor itself. */
export function fingerprintOf(factors: MachineFacts['factors']): Record<string, string> {
  const hashes: Record<string, string> = {}
  for (const name of FACTOR_NAMES) {
    const value = factors[name]
    if (value === undefined) continue
    hashes[name] = createHash('sha256').update(`backstitch machine factor\0${name}\0${value}`).digest('hex')
  }
  return hashes
}

async function readMachineId(file: string): Promise<string> {
  const text = (await readFile(file, 'utf8')).trim()
  if (!/^[0-9a-f]{32}$/.test(text)) throw new Error(`${file} contains no machine id`)
  return text
}

async function readMac(root: string): Promise<string> {
  const name = await readDefaultInterface(root)
  const mac = (await readFile(path.join(root, 'sys/class/net', name, 'address'), 'utf8')).trim().toLowerCase()
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) || mac === '00:00:00:00:00:00') {
    throw new Error(`${name}, the interface of the default route, has no MAC address`)
  }
  return mac
}

/** Values that vendors ship on every board name no machine. */
const PLACEHOLDER_UUIDS = new Set([
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '03000200-0400-0500-0006-000700080009',
])

async function readProductUuid(file: string): Promise<string> {
  const uuid = (await readFile(file, 'utf8')).trim().toLowerCase()
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) throw new Error(`${file} contains no UUID`)
  if (PLACEHOLDER_UUIDS.has(uuid)) throw new Error(`${file} contains the placeholder ${uuid}`)
  return uuid
}

async function readGathered(file: string): Promise<MachineFacts['factors']> {
  try {
    const { uid, mode } = await stat(file)
    if ((uid !== 0 && uid !== process.getuid?.()) || (mode & 0o022) !== 0) return {}
    const raw = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
    return Object.fromEntries(FACTOR_NAMES.filter((n) => typeof raw[n] === 'string').map((n) => [n, raw[n]]))
  } catch {
    return {} // nothing was gathered: each factor that is missing already says why
  }
}
