import type { Facts } from '../facts.ts'

/** Whoever dials it looks at it: a client has sessions to it, and knows of the last mile what those tell. */
export const isBesideIt = ({ patient }: Facts): boolean =>
  patient.app !== undefined && patient.role !== 'client'

export const isTcpBesideIt = (facts: Facts): boolean =>
  isBesideIt(facts) && facts.patient.app?.protocol !== 'udp'
