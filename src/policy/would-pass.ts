import type { Fault, FaultCode } from '../base/faults.ts'

/** A fault of a decision, as far as this needs it. */
interface DecisionFault {
  readonly code: FaultCode
  readonly seen?: Fault['seen']
}

/**
 * What would turn a refusal into a yes, in one sentence for an admin; undefined where the code says nothing of it.
 *
 * @param nameOf Of an id in the evidence.
 */
export function wouldPass(
  { code, seen = {} }: DecisionFault,
  to: { readonly host: string; readonly port: number; readonly protocol: string },
  nameOf: (id: string) => string = (id) => id,
): string | undefined {
  const text = (key: string) => (typeof seen[key] === 'string' ? seen[key] : undefined)
  const list = (key: string) => {
    const value = seen[key]
    return (Array.isArray(value) ? value : []).map(nameOf).join(' or ')
  }
  switch (code) {
    case 'POLICY_DENIED':
    case 'POSTURE_FAILED': {
      const near = text('nearestRule')
      const first = text('rule')
      const before =
        first === undefined ? '' : `rule "${first}", which denies, comes first: it must stop matching; `
      if (near === undefined)
        return `${before}an access rule that allows ${text('segment') ?? to.host} to this user`
      const now = list('seen') || 'nothing'
      return `${before}rule "${near}" allows it once ${text('condition')} is ${list('wanted') || 'something that exists'} (now ${now})`
    }
    case 'CLIENT_NOT_COVERED':
      if (text('rule') !== undefined) return `internet rule "${text('rule')}" without this name`
      return `a segment that declares ${to.host} with ${to.protocol} ${to.port}, and a rule that allows it`
    case 'CLIENT_WRONG_PORT':
      return `${to.protocol} ${to.port} among the ports of segment ${text('segment')} (now ${list('lists').replaceAll(' or ', ', ') || 'none'})`
    case 'SEGMENT_UNMAPPED':
      return `a server group with an enabled connector group behind segment ${text('segment')}`
    case 'WRONG_CONNECTOR_KIND':
      return `a group of App Connectors behind segment ${text('segment')}`
    case 'NO_HEALTHY_CONNECTOR':
      return `one connector of segment ${text('segment')} that is connected and reaches the application`
    case 'IDENTITY_REVOKED':
      return 'the user and the device enabled'
    default:
      return undefined
  }
}
