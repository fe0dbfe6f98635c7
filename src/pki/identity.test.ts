import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { identityUri, parseIdentityUri } from './identity.ts'

const part = fc.string({ unit: fc.constantFrom(...'abcxyz0189_-'), minLength: 1, maxLength: 64 })

test('property: an identity reads back as it was written', () => {
  fc.assert(
    fc.property(part, fc.constantFrom('connector', 'client', 'edge'), part, (tenant, role, id) => {
      assert.deepEqual(parseIdentityUri(identityUri({ tenant, role, id })), { tenant, role, id })
    }),
  )
})

const REFUSED = [
  '',
  'backstitch://',
  'backstitch://t/client',
  'backstitch://t/client/',
  'backstitch:///client/a',
  'backstitch://t/admin/a',
  'backstitch://t/client/a/b',
  'backstitch://t/client/a?b',
  'backstitch://t/client/a#b',
  'backstitch://t/client/%61',
  'backstitch://t/client/..',
  'backstitch://t/client/a\n',
  'backstitch://t/client/a\0',
  'backstitch://T/client/a',
  'BACKSTITCH://t/client/a',
  'spiffe://t/client/a',
  ' backstitch://t/client/a',
  'backstitch://u@t/client/a',
  'backstitch://t:1/client/a',
  `backstitch://t/client/${'a'.repeat(65)}`,
]
for (const uri of REFUSED) {
  test(`parseIdentityUri refuses ${JSON.stringify(uri.slice(0, 40))}`, () => {
    assert.throws(() => parseIdentityUri(uri), { code: 'PROTOCOL_ERROR' })
  })
}

test('an identity that would not read back is not written', () => {
  assert.throws(() => identityUri({ tenant: 't', role: 'client', id: 'a/edge/b' }), RangeError)
})

test('property: text that is read at all is read as itself', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'backstitch:/edgclnor.%?#A\0 '), maxLength: 40 }),
      (tail) => {
        const uri = `backstitch://${tail}`
        try {
          assert.equal(identityUri(parseIdentityUri(uri)), uri)
        } catch (thrown) {
          assert.equal((thrown as { code: string }).code, 'PROTOCOL_ERROR')
        }
      },
    ),
  )
})
