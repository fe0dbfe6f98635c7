import { chmodSync, mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { LAB_NAME, unmountBelow } from '../../lab/sweep.ts'
import { ADDRESS, EDGE_NAME, type Machines, wire } from '../../lab/topology.ts'

let made = 0

/** The machines and cables of the lab, with no program on them. */
export async function plant(t: TestContext): Promise<Machines> {
  const dir = mkdtempSync(path.join(os.tmpdir(), LAB_NAME))
  chmodSync(dir, 0o755)
  const machines = await wire(`${LAB_NAME}${++made}`, dir)
  t.after(async () => {
    await Promise.all(Object.values(machines).map((machine) => machine.halt()))
    await unmountBelow(dir)
    await rm(dir, { recursive: true })
  })
  for (const machine of Object.values(machines)) {
    machine.etc('hosts', `127.0.0.1 localhost\n${ADDRESS.edge} ${EDGE_NAME}\n`)
    machine.etc('nsswitch.conf', 'hosts: files\n')
    machine.etc('resolv.conf', '')
  }
  return machines
}
