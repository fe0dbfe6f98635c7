import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fingerprintOf, readMachine } from './machine.ts'

const ROUTES = [
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
  'wlan0\t00000000\t0100000A\t0003\t0\t0\t600\t00000000\t0\t0\t0',
  'eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0',
  'eth1\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
].join('\n')
const UUID = '4C4C4544-0042-3510-8052-B4C04F4E3332'

/** A machine as files, built under a folder: a partition of a disk with a WWN, two interfaces. */
async function machine(t: { after(work: () => unknown): void }, change: Record<string, string | null> = {}) {
  const root = await mkdtemp(path.join(os.tmpdir(), 'bs-machine-'))
  t.after(() => rm(root, { recursive: true }))
  const files: Record<string, string | null> = {
    'etc/machine-id': '0123456789abcdef0123456789abcdef\n',
    'proc/net/route': ROUTES,
    'sys/class/net/eth0/address': '52:54:00:AB:cd:ef\n',
    'sys/class/net/wlan0/address': '52:54:00:00:00:01\n',
    'sys/class/dmi/id/product_uuid': `${UUID}\n`,
    'proc/self/mountinfo':
      '21 1 8:2 / / rw shared:1 - ext4 /dev/sda2 rw\n22 21 0:5 / /dev rw - devtmpfs udev rw\n',
    'sys/devices/pci/block/sda/wwid': 'naa.5000c500a1b2c3d4\n',
    'sys/devices/pci/block/sda/sda2/partition': '2\n',
    ...change,
  }
  for (const [name, content] of Object.entries(files)) {
    if (content === null) continue
    await mkdir(path.dirname(path.join(root, name)), { recursive: true })
    await writeFile(path.join(root, name), content)
  }
  await mkdir(path.join(root, 'sys/dev/block'), { recursive: true })
  await symlink('../../devices/pci/block/sda/sda2', path.join(root, 'sys/dev/block/8:2'))
  return root
}

test('readMachine reads the four factors', async (t) => {
  assert.deepEqual(await readMachine({ root: await machine(t) }), {
    factors: {
      machineId: '0123456789abcdef0123456789abcdef',
      mac: '52:54:00:ab:cd:ef',
      productUuid: UUID.toLowerCase(),
      rootDisk: 'naa.5000c500a1b2c3d4',
    },
    missing: {},
  })
})

const MISSING: {
  name: string
  change: Record<string, string | null>
  factor: 'machineId' | 'mac' | 'productUuid' | 'rootDisk'
  why: RegExp
}[] = [
  {
    name: 'first boot',
    change: { 'etc/machine-id': 'uninitialized\n' },
    factor: 'machineId',
    why: /no machine id/,
  },
  {
    name: 'no default route',
    change: { 'proc/net/route': ROUTES.split('\n')[0]! },
    factor: 'mac',
    why: /no default route/,
  },
  {
    name: 'point-to-point',
    change: { 'sys/class/net/eth0/address': '00:00:00:00:00:00' },
    factor: 'mac',
    why: /eth0.*no MAC/,
  },
  {
    name: 'placeholder UUID',
    change: { 'sys/class/dmi/id/product_uuid': '03000200-0400-0500-0006-000700080009' },
    factor: 'productUuid',
    why: /placeholder/,
  },
  { name: 'no DMI', change: { 'sys/class/dmi/id/product_uuid': null }, factor: 'productUuid', why: /ENOENT/ },
  {
    name: 'container',
    change: { 'proc/self/mountinfo': '21 1 0:45 / / rw - overlay overlay rw\n' },
    factor: 'rootDisk',
    why: /overlay.*not a disk/,
  },
  {
    name: 'disk without id',
    change: { 'sys/devices/pci/block/sda/wwid': null },
    factor: 'rootDisk',
    why: /sda.*no serial/,
  },
]
for (const { name, change, factor, why } of MISSING) {
  test(`readMachine, ${name}: the other three are there, and ${factor} says why not`, async (t) => {
    const { factors, missing } = await readMachine({ root: await machine(t, change) })
    assert.equal(Object.keys(factors).length, 3)
    assert.deepEqual(Object.keys(missing), [factor])
    assert.match(missing[factor]!, why)
  })
}

test('readMachine: a disk without sysfs id is named by /dev/disk/by-id', async (t) => {
  const root = await machine(t, { 'sys/devices/pci/block/sda/wwid': null })
  await mkdir(path.join(root, 'dev/disk/by-id'), { recursive: true })
  await symlink('../../sda', path.join(root, 'dev/disk/by-id/scsi-0QEMU_HARDDISK_drive0'))
  await symlink('../../sda2', path.join(root, 'dev/disk/by-id/scsi-0QEMU_HARDDISK_drive0-part2'))
  assert.equal((await readMachine({ root })).factors.rootDisk, 'scsi-0QEMU_HARDDISK_drive0')
})

test('readMachine: / on LVM is the disk underneath', async (t) => {
  const root = await machine(t, {
    'proc/self/mountinfo': '21 1 253:0 / / rw - ext4 /dev/mapper/vg-root rw\n',
    'sys/devices/virtual/block/dm-0/size': '1',
  })
  await mkdir(path.join(root, 'sys/devices/virtual/block/dm-0/slaves'), { recursive: true })
  await symlink(
    '../../../../pci/block/sda/sda2',
    path.join(root, 'sys/devices/virtual/block/dm-0/slaves/sda2'),
  )
  await symlink('../../devices/virtual/block/dm-0', path.join(root, 'sys/dev/block/253:0'))
  assert.equal((await readMachine({ root })).factors.rootDisk, 'naa.5000c500a1b2c3d4')
})

test('readMachine takes a factor gathered by root, but not from a file that others can write', async (t) => {
  const root = await machine(t, { 'sys/class/dmi/id/product_uuid': null })
  const gathered = path.join(root, 'gathered.json')
  await writeFile(gathered, JSON.stringify({ productUuid: 'from-root', mac: 'stale' }))
  await chmod(gathered, 0o644)
  const { factors } = await readMachine({ root, gathered })
  assert.equal(factors.productUuid, 'from-root')
  assert.equal(factors.mac, '52:54:00:ab:cd:ef', 'what can be read now wins')
  await chmod(gathered, 0o666)
  assert.equal((await readMachine({ root, gathered })).factors.productUuid, undefined)
})

test('readMachine reads the real machine without throwing', async () => {
  const { factors, missing } = await readMachine()
  assert.equal(Object.keys(factors).length + Object.keys(missing).length, 4)
})

test('fingerprintOf never holds a factor', async (t) => {
  const { factors } = await readMachine({ root: await machine(t) })
  const fingerprint = fingerprintOf(factors)
  assert.deepEqual(Object.keys(fingerprint).sort(), ['mac', 'machineId', 'productUuid', 'rootDisk'])
  for (const hash of Object.values(fingerprint)) assert.match(hash, /^[0-9a-f]{64}$/)
  assert.notEqual(fingerprintOf({ mac: 'x' }).mac, fingerprintOf({ rootDisk: 'x' }).rootDisk)
})
