import type { Fault, FaultCode } from '../../base/faults.ts'

/** Of each fault that HTTP has a status of its own for, whoever is answered: a caller of the API, or an agent. */
const STATUS: Partial<Record<FaultCode, number>> = {
  INVALID: 400,
  TOKEN_INVALID: 401,
  LOGIN_FAILED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  CONNECTOR_DISCONNECTED: 409,
  IN_USE: 409,
  WRONG_CONNECTOR_KIND: 409,
  PRECONDITION_FAILED: 412,
  TOO_LARGE: 413,
  WRONG_HOST: 421,
  IDEMPOTENCY_KEY_REUSED: 422,
  PRECONDITION_REQUIRED: 428,
  RATE_LIMITED: 429,
  INTERNAL: 500,
  STORE_FAILED: 503,
  DISK_FULL: 503,
  CONTROL_STARTING: 503,
}

/** None: the one who answers says what the rest means there. */
export function httpStatusOf({ code }: Fault): number | undefined {
  return STATUS[code]
}
