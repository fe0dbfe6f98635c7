import { rmSync } from 'node:fs'
import { endClock, setClock, setOffset } from '../clock.ts'
import { blink, printed, replaceKey } from '../cures.ts'
import { endIdentity } from '../ended-certificate.ts'
import type { Scenario, Variant } from '../scenario.ts'

const NOTABLE_MS = 60_000

function variant(o: Pick<Variant, 'name' | 'does' | 'seen'> & { offset: string }): Variant {
  const { offset, ...rest } = o
  return {
    ...rest,
    hints: ['the network is fine', 'certificates have a validity period', 'compare date with connector-b'],
    hop: 'connector',
    code: 'CLOCK_SKEW',
    noticed: async (lab, since) => {
      const { a } = lab.connectors
      if (since.faults(a).some(({ code }) => code === 'CLOCK_SKEW' || code === 'EDGE_CERT_EXPIRED'))
        return true
      // Certificates may bear it: then the status says how far the clock is off.
      return Math.abs((await a.status())?.clockSkewMs ?? 0) > NOTABLE_MS
    },
    inject: (lab) => setClock(lab, offset),
    async cure(lab, finding) {
      printed(finding, /^chronyc makestep$/)
      setOffset(lab, '+0')
    },
    restore: endClock,
  }
}

export const clock: Scenario = {
  id: 'SCN-09',
  title: 'The clock is wrong, and it looks like something else',
  story: `The hypervisor was restored from a snapshot, and connector-a woke up at another time. Valid certificates appear expired
or not yet valid. The messages mention TLS, so the firewall team is called, and finds nothing.`,
  variants: [
    variant({
      name: 'slow',
      does: 'the clock of connector-a is an hour slow',
      offset: '-3600',
      seen: [/60 min slow against/],
    }),
    variant({
      name: 'minutes',
      does: 'the clock of connector-a is 312 s slow, which certificates tolerate',
      offset: '-312',
      seen: [/31[0-4] s slow against/],
    }),
    variant({
      name: 'six-minutes',
      does: 'the clock of connector-a is six minutes slow',
      offset: '-360',
      seen: [/(35[89]|36[0-2]) s slow against/],
    }),
    variant({
      name: 'fast',
      does: 'the clock of connector-a is two days fast',
      offset: '+2d',
      seen: [/(48 hours|2 days) fast against/],
    }),
    variant({
      name: 'year',
      does: 'the clock of connector-a is a year fast',
      offset: '+1y',
      seen: [/365 days fast against/],
    }),
    {
      ...variant({
        name: 'jump',
        does: 'the clock of connector-a jumps ten days ahead while it runs',
        offset: '+0',
        seen: [/10 days fast against/],
      }),
      async inject(lab) {
        await setClock(lab, '+0')
        await lab.connectors.a.healthy()
        setOffset(lab, '+10d')
        await blink(lab, lab.connectors.a)
      },
    },
    {
      name: 'cert-ended',
      does: 'the machine of connector-a was off for longer than its certificate is valid',
      hints: ['its clock is right', 'connector-b next to it works', 'how long was it off?'],
      hop: 'connector',
      code: 'CERT_EXPIRED',
      seen: [/not after 20\S+Z: expired (48 hours|2 days) ago/],
      async inject(lab) {
        const { a } = lab.connectors
        await a.stop()
        await endIdentity(lab, a)
        rmSync(a.keyFile, { force: true }) // with the key that it enrolled with it would come back by itself
        a.start()
      },
      cure: (lab, finding) => replaceKey(lab, lab.connectors.a, finding),
    },
  ],
}
