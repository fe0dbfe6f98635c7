import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FACTOR_NAMES, type FactorName, type Factors, seal, unseal } from './seal.ts'

const secret = Buffer.from('-----BEGIN PRIVATE KEY----- and the rest of an identity')
const machine: Factors = {
  machineId: '0123456789abcdef0123456789abcdef',
  mac: '02:42:ac:11:00:02',
  productUuid: '4c4c4544-0042-3510-8054-b3c04f564231',
  rootDisk: 'uuid-1234',
}

test('the machine that sealed it opens it, and nothing has drifted', async () => {
  assert.deepEqual(await unseal(await seal(secret, machine), machine), { secret, drifted: [] })
})

for (const name of FACTOR_NAMES) {
  test(`a change of ${name} heals, and is reported old→new`, async () => {
    const sealed = await seal(secret, machine)
    for (const now of [{ ...machine, [name]: 'new' }, without(name)]) {
      const { secret: opened, drifted } = await unseal(sealed, now)
      assert.deepEqual(opened, secret)
      assert.deepEqual(
        drifted.map(({ factor }) => factor),
        [name],
      )
      assert.match(drifted[0]!.oldHash, /^[0-9a-f]{8}$/)
      assert.match(drifted[0]!.newHash, now[name] ? /^[0-9a-f]{8}$/ : /^none$/)
      assert.notEqual(drifted[0]!.oldHash, drifted[0]!.newHash)
    }
  })

  test(`healing works: after a change of ${name} and a new seal, another may change`, async () => {
    const moved = { ...machine, [name]: 'new' }
    const healed = await seal((await unseal(await seal(secret, machine), moved)).secret, moved)
    const other = FACTOR_NAMES.find((candidate) => candidate !== name)!
    assert.deepEqual((await unseal(healed, { ...moved, [other]: 'newer' })).secret, secret)
  })
}

test('two changes break it, and both are named', async () => {
  const sealed = await seal(secret, machine)
  const clone = { ...machine, machineId: 'clone', mac: '02:00:00:00:00:01' }
  await assert.rejects(
    unseal(sealed, clone),
    (thrown: { code: string; seen: { matching: number; changed: string[] } }) => {
      assert.equal(thrown.code, 'SEAL_BROKEN')
      assert.equal(thrown.seen.matching, 2)
      assert.equal(thrown.seen.changed.length, 2)
      assert.match(thrown.seen.changed[0]!, /^machineId [0-9a-f]{8}→[0-9a-f]{8}$/)
      assert.match(thrown.seen.changed[1]!, /^mac [0-9a-f]{8}→[0-9a-f]{8}$/)
      assert.doesNotMatch(JSON.stringify(thrown), /clone|02:00|0123456789abcdef/)
      return true
    },
  )
})

test('three factors seal, and then all three are needed', async () => {
  const three = without('productUuid')
  const sealed = await seal(secret, three)
  assert.deepEqual((await unseal(sealed, three)).secret, secret)
  await assert.rejects(unseal(sealed, { ...three, mac: 'new' }), { code: 'SEAL_BROKEN' })
})

test('a factor that can be read only now is drift too: sealing again makes the seal stronger', async () => {
  const { drifted } = await unseal(await seal(secret, without('productUuid')), machine)
  assert.deepEqual(
    drifted.map(({ factor, oldHash }) => [factor, oldHash]),
    [['productUuid', 'none']],
  )
})

test('fewer than three factors seal nothing; an empty one is none', async () => {
  await assert.rejects(seal(secret, { machineId: 'a', mac: 'b' }), RangeError)
  await assert.rejects(seal(secret, { machineId: 'a', mac: 'b', rootDisk: '' }), RangeError)
})

test('a value opens only as the factor it was sealed as', async () => {
  const sealed = await seal(secret, machine)
  const { machineId, mac } = machine
  await assert.rejects(unseal(sealed, { ...machine, machineId: mac, mac: machineId }), {
    code: 'SEAL_BROKEN',
  })
})

test('nothing of the secret or the factors stands in the file, and no two seals are alike', async () => {
  const [one, two] = await Promise.all([seal(secret, machine), seal(secret, machine)])
  for (const value of [
    ...Object.values(machine),
    secret.toString(),
    secret.toString('base64url').slice(0, 20),
  ]) {
    assert.ok(!one.includes(value))
  }
  assert.notEqual(JSON.parse(one).shares.mac.hash, JSON.parse(two).shares.mac.hash)
})

test('damage is named, not thrown as something else', async () => {
  const sealed = await seal(secret, machine)
  const form = JSON.parse(sealed)
  for (const broken of [
    '',
    'x',
    'null',
    '[]',
    '{}',
    sealed.slice(0, -10),
    JSON.stringify({ ...form, v: 2 }),
    JSON.stringify({ ...form, body: '' }),
    JSON.stringify({ ...form, body: `A${form.body.slice(1)}B` }),
    JSON.stringify({ ...form, shares: {} }),
    JSON.stringify({ ...form, shares: { ...form.shares, dna: form.shares.mac } }),
    JSON.stringify({ ...form, salt: 'AAAA' }),
  ]) {
    await assert.rejects(unseal(broken, machine), { code: 'SEAL_BROKEN' }, broken.slice(0, 60))
  }
})

test('property: exactly the machines with at least three factors in common open it', async () => {
  const value = fc.constantFrom('a', 'b', undefined)
  const factors = fc.record({ machineId: value, mac: value, productUuid: value, rootDisk: value })
  await fc.assert(
    fc.asyncProperty(factors, factors, async (sealing, now) => {
      fc.pre(Object.values(sealing).filter(Boolean).length >= 3)
      const same = FACTOR_NAMES.filter((name) => sealing[name] && sealing[name] === now[name]).length
      const opened = unseal(await seal(secret, sealing), now)
      if (same >= 3) assert.deepEqual((await opened).secret, secret)
      else await assert.rejects(opened, { code: 'SEAL_BROKEN' })
    }),
    { numRuns: 200 },
  )
})

function without(name: FactorName): Factors {
  const { [name]: _, ...rest } = machine
  return rest
}
