/** What a token may do. */
export const ROLES = ['owner', 'admin', 'operator', 'auditor', 'read-only'] as const
export type TokenRole = (typeof ROLES)[number]

/** What an operation needs. */
export type Permission =
  /** Look at everything but tokens and the audit log. */
  | 'read'
  /** Read the audit log and check its chain. */
  | 'audit'
  /** Day-to-day work that watches or takes away: examine, trace, disable, revoke, delete what machines brought about. */
  | 'operate'
  /** Whatever can add to who reaches what: all that policy, selection or enrolment reads as input to a yes. */
  | 'configure'
  /** Make and revoke tokens. */
  | 'own'

const ALLOWED: Readonly<Record<TokenRole, readonly Permission[]>> = {
  owner: ['read', 'audit', 'operate', 'configure', 'own'],
  admin: ['read', 'audit', 'operate', 'configure'],
  operator: ['read', 'operate'],
  auditor: ['read', 'audit'],
  'read-only': ['read'],
}

export function may(role: TokenRole, permission: Permission): boolean {
  return ALLOWED[role].includes(permission)
}

/** Roles that may, least first: for the answer to somebody who may not. */
export function rolesWith(permission: Permission): TokenRole[] {
  return ROLES.filter((role) => may(role, permission)).reverse()
}
