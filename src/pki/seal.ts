export type Factors = Partial<Record<'machineId' | 'mac' | 'productUuid' | 'rootDisk', string>>
export interface Drift {
  readonly factor: string
  readonly oldHash: string
  readonly newHash: string
}
export async function seal(_secret: Buffer, _factors: Factors): Promise<string> {
  throw new Error('being written')
}
export async function unseal(
  _sealed: string,
  _factors: Factors,
): Promise<{ secret: Buffer; drifted: Drift[] }> {
  throw new Error('being written')
}
